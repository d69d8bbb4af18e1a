namespace Dmm.Fuzz;

/// <summary>Makes an input that breaks a rule smaller, as long as it still breaks one: chunks are left out, and bytes made plain.</summary>
internal static class InputShrinking
{
    /// <summary>The most inputs that are tried in search of a smaller one.</summary>
    private const int MostTries = 4_000;

    /// <param name="fails">Whether an input breaks the rule.</param>
    public static async Task<byte[]> ShrinkAsync(byte[] input, Func<byte[], Task<bool>> fails, CancellationToken cancellation)
    {
        var (best, tries) = (input, 0);
        for (var better = true; better;)
        {
            better = false;
            for (var chunk = Math.Max(1, best.Length / 2); chunk > 0; chunk /= 2)
            {
                for (var at = 0; at < best.Length;)
                {
                    if (await TryAsync([.. best[..at], .. best[Math.Min(best.Length, at + chunk)..]]))
                        better = true;
                    else
                        at += chunk;
                }
            }

            for (var at = 0; at < best.Length; at++)
            {
                if (best[at] is not ((byte)'a' or (byte)'0' or (byte)'\n'))
                    better |= await TryAsync([.. best[..at], (byte)'0', .. best[(at + 1)..]]);
            }
        }

        return best;

        async Task<bool> TryAsync(byte[] smaller)
        {
            if (++tries > MostTries || cancellation.IsCancellationRequested || !await fails(smaller))
                return false;
            best = smaller;
            return true;
        }
    }
}
