namespace Dmm.Lab.Density;

/// <summary>Finds the largest number within a bound in few trials, because each trial is a whole replay.</summary>
internal static class MostWithin
{
    /// <summary>
    /// Returns the largest n from 0 to <paramref name="most"/> for which <paramref name="holds"/> is true, provided that it is true up
    /// to some n and false above. The search takes growing steps from the guess until the answer is enclosed, then bisects. It assumes
    /// that 0 holds.
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
