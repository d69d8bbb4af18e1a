namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>A test's own folder with a short path, since a socket's path has at most 107 bytes; deleted at the end.</summary>
internal sealed class TestFolder : IDisposable
{
    public TestFolder() => Path = Directory.CreateTempSubdirectory("dmm-").FullName;

    public string Path { get; }

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public string File(string name, string content = "x")
    {
        System.IO.File.WriteAllText(In(name), content);
        return In(name);
    }

    /// <summary>Writes a file with the folders above it.</summary>
    public void Tree(string path, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(In(path))!);
        System.IO.File.WriteAllText(In(path), content);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
