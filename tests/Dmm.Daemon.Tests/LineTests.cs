using Dmm.Daemon.Tests.Journals;

namespace Dmm.Daemon.Tests;

public sealed class LineTests
{
    /// <summary>The limit of <c>.editorconfig</c>, which the formatter does not enforce.</summary>
    private const int Most = 140;

    /// <summary>A file with more lines than this has more than one subject.</summary>
    private const int MostLines = 400;

    private static readonly string[] Kinds = [".cs", ".c", ".h"];

    [Fact]
    public void No_line_of_code_is_wider_than_an_editor_shows()
    {
        var files = Files(new(Path.Combine(KeptJournal.Root, "../../../.."))).ToList();
        Assert.True(files.Count > 400, $"only {files.Count} files were looked at");
        Assert.Empty(
            files.SelectMany(file => File.ReadLines(file.FullName).Index().Where(line => line.Item.Length > Most)
                .Select(line => $"{file.FullName}:{line.Index + 1}")));
    }

    [Fact]
    public void No_file_of_code_is_too_long_for_one_subject() =>
        Assert.Empty(
            Files(new(Path.Combine(KeptJournal.Root, "../../../.."))).Where(file => file.Extension == ".cs")
                .Select(file => (file.FullName, Lines: File.ReadLines(file.FullName).Count())).Where(file => file.Lines > MostLines)
                .Select(file => $"{file.FullName}: {file.Lines} lines"));

    /// <summary>The order that <c>dotnet format</c> makes: System first, then by name. It takes minutes to say so.</summary>
    [Fact]
    public void Usings_are_in_order() => Assert.Empty(
        Files(new(Path.Combine(KeptJournal.Root, "../../../.."))).Where(file => file.Extension == ".cs").Where(file =>
        {
            string[] used =
            [
                .. File.ReadLines(file.FullName)
                    .TakeWhile(line => line.Length == 0 || line.StartsWith("using ", StringComparison.Ordinal))
                    .Where(line => line.Length > 0 && !line.Contains("using static", StringComparison.Ordinal) && !line.Contains('=')),
            ];
            return !used.SequenceEqual(used.OrderBy(line => !line.StartsWith("using System", StringComparison.Ordinal))
                .ThenBy(line => line.TrimEnd(';').Replace('.', '\0'), StringComparer.OrdinalIgnoreCase));
        }).Select(file => file.FullName));

    private static IEnumerable<FileInfo> Files(DirectoryInfo folder)
    {
        foreach (var file in folder.EnumerateFiles().Where(file => Kinds.Contains(file.Extension)))
            yield return file;
        var below = folder.EnumerateDirectories().Where(f => f.Name is not ("bin" or "obj" or "build" or "artifacts") && f.Name[0] != '.');
        foreach (var file in below.SelectMany(Files))
            yield return file;
    }
}
