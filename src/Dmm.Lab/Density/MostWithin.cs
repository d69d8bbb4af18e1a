namespace Dmm.Lab.Density;

/// <summary>Finds the most of something within a bound with few trials: a trial is a whole replay.</summary>
internal static class MostWithin
{
    /// <summary>
    /// The largest n from 0 to <paramref name="most"/> for which <paramref name="holds"/> is true, if it is true below some n and false
    /// above. From a good guess in growing steps until the answer is enclosed, then by halves. 0 holds.
    /// </summary>
    public static int Find(int guess, int most, Func<int, bool> holds)
    {
        var (yes, no) = (0, most + 1);
        var n = Math.Clamp(guess, 0, most);
        var stride = Math.Max(1, most / 64);
        while (no - yes > 1)
        {
            if (n <= yes || n >= no)
                n = yes + ((no - yes) / 2);
            if (holds(n))
            {
                yes = n;
                n = no <= most ? yes + ((no - yes) / 2) : yes + stride;
                if (no > most && n > most)
                    n = most;
            }
            else
            {
                no = n;
                n = yes > 0 ? yes + ((no - yes) / 2) : no - stride;
            }

            stride *= 2;
        }

        return yes;
    }
}
