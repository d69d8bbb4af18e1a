namespace Dmm.Lab.Tests;

/// <summary>A test's own folder, which is deleted at its end.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("dmm-lab-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string File(string name, params string[] lines)
    {
        var file = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        System.IO.File.WriteAllLines(file, lines);
        return file;
    }
}
