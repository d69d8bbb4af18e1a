namespace Dmm.Lab.Traces;

/// <summary>Finds the files of the paths on the command line, in an order that is the same on every machine.</summary>
internal static class TraceFiles
{
    /// <exception cref="LabException">A path does not exist, or none of them has a trace.</exception>
    public static IReadOnlyList<(string Name, string File)> Of(IReadOnlyList<string> paths)
    {
        var files = new List<(string Name, string File)>();
        foreach (var path in paths)
        {
            if (File.Exists(path))
                files.Add((NameOf(Path.GetFileName(path)), path));
            else if (Directory.Exists(path))
                files.AddRange(Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(IsTrace)
                    .Select(f => (NameOf(Path.GetRelativePath(path, f)), f)));
            else
                throw new LabException($"{path} does not exist; give a file of a trace, or a folder of such files");
        }

        if (files.Count == 0)
            throw new LabException($"no traces in {string.Join(", ", paths)}; files that end in .csv or .csv.gz are taken");
        // Numeric order: 2 comes before 10.
        files.Sort(static (a, b) => Natural(a.Name, b.Name) is var order and not 0 ? order : string.CompareOrdinal(a.File, b.File));
        return files;
    }

    private static bool IsTrace(string file) =>
        file.EndsWith(".csv", StringComparison.Ordinal) || file.EndsWith(".csv.gz", StringComparison.Ordinal);

    private static string NameOf(string path)
    {
        foreach (var ending in (ReadOnlySpan<string>)[".gz", ".csv"])
        {
            if (path.EndsWith(ending, StringComparison.Ordinal))
                path = path[..^ending.Length];
        }

        return path;
    }

    private static int Natural(string a, string b) =>
        long.TryParse(a, out var x) && long.TryParse(b, out var y) ? x.CompareTo(y) : string.CompareOrdinal(a, b);
}
