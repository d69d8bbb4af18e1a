namespace Dmm.Daemon.Tests;

public sealed class LineTests
{
    /// <summary>The limit of <c>.editorconfig</c>, which the formatter does not enforce.</summary>
    private const int Most = 140;

    private static readonly string[] Kinds = [".cs", ".c", ".h"];

    [Fact]
    public void No_line_of_code_is_wider_than_an_editor_shows()
    {
        var files = Files(new(Path.Combine(KeptJournal.Root, "../../.."))).ToList();
        Assert.True(files.Count > 400, $"only {files.Count} files were looked at");
        Assert.Empty(
            files.SelectMany(file => File.ReadLines(file.FullName).Index().Where(line => line.Item.Length > Most)
                .Select(line => $"{file.FullName}:{line.Index + 1}")));
    }

    private static IEnumerable<FileInfo> Files(DirectoryInfo folder)
    {
        foreach (var file in folder.EnumerateFiles().Where(file => Kinds.Contains(file.Extension)))
            yield return file;
        var below = folder.EnumerateDirectories().Where(f => f.Name is not ("bin" or "obj" or "build" or "artifacts") && f.Name[0] != '.');
        foreach (var file in below.SelectMany(Files))
            yield return file;
    }
}
