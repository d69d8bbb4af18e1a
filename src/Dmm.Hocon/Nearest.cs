namespace Dmm.Hocon;

/// <summary>Finds the key that was most likely meant by a mistyped one.</summary>
public static class Nearest
{
    /// <summary>
    /// Returns the candidate with the smallest edit distance (insertion, deletion, change, two letters swapped). Null where none is
    /// near enough: the distance may be at most a third of the longer text.
    /// </summary>
    public static string? To(string text, IEnumerable<string> candidates) =>
        candidates
            // The distance is at least the difference of the lengths: a text of a MiB is compared with nothing.
            .Where(c => IsNear(Math.Abs(text.Length - c.Length), text, c))
            .Select(c => (Candidate: c, Distance: Distance(text, c)))
            .Where(x => IsNear(x.Distance, text, x.Candidate))
            .OrderBy(x => x.Distance)
            .ThenBy(x => x.Candidate, StringComparer.Ordinal)
            .Select(x => x.Candidate)
            .FirstOrDefault();

    private static bool IsNear(int distance, string text, string candidate) => distance * 3 <= Math.Max(text.Length, candidate.Length);

    /// <summary>The optimal string alignment distance; only three rows of the table are kept.</summary>
    internal static int Distance(string a, string b)
    {
        var (beforeLast, last, row) = (new int[b.Length + 1], new int[b.Length + 1], new int[b.Length + 1]);
        for (var j = 0; j <= b.Length; j++)
            last[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var change = a[i - 1] == b[j - 1] ? 0 : 1;
                row[j] = Math.Min(Math.Min(last[j] + 1, row[j - 1] + 1), last[j - 1] + change);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
            }

            (beforeLast, last, row) = (last, row, beforeLast);
        }

        return last[b.Length];
    }
}
