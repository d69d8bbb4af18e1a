namespace Dmm.Hypervisors.Wire;

/// <summary>A path without links, <c>.</c> and <c>..</c>, so that one file has one name. Source: realpath(3).</summary>
internal static class RealPath
{
    /// <summary>
    /// The most links that are followed in a row: more are a circle, and the kernel follows no more either. Source: path_resolution(7).
    /// </summary>
    private const int MostLinks = 40;

    /// <returns>
    /// The resolved path; missing or unreadable parts stay as given. Where links are circular: the given path, made absolute.
    /// </returns>
    public static string Of(string path)
    {
        var links = 0;
        var left = new Stack<string>(Path.GetFullPath(path).Split('/', StringSplitOptions.RemoveEmptyEntries).Reverse());
        var real = "/";
        while (left.TryPop(out var part))
        {
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? "/";
                continue;
            }

            var next = Path.Combine(real, part);
            if (TargetOf(next) is not { } target)
            {
                real = next;
                continue;
            }

            if (++links > MostLinks)
                return Path.GetFullPath(path);
            if (target.StartsWith('/'))
                real = "/";
            foreach (var step in target.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(step => step != ".").Reverse())
                left.Push(step);
        }

        return real;
    }

    private static string? TargetOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
