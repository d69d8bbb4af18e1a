using System.Diagnostics;

namespace Dmm.Daemon.Tests;

/// <summary>A disk of two megabytes that can be filled and emptied.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    public SmallDisk(string path)
    {
        _path = Directory.CreateDirectory(path).FullName;
        if (!Run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", _path))
            throw new InvalidOperationException($"no disk could be mounted at {_path}");
    }

    private string Filler => Path.Combine(_path, "filler");

    /// <summary>Whether this user may mount a disk.</summary>
    public static bool IsPossible()
    {
        var folder = Directory.CreateTempSubdirectory("dmm-mount-").FullName;
        var possible = Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder) && Run("umount", folder);
        Directory.Delete(folder);
        return possible;
    }

    public void Fill()
    {
        using var file = new FileStream(Filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
                file.Write(new byte[4096]);
        }
        catch (IOException)
        {
            // That was the last free block.
        }
    }

    public void MakeRoom() => File.Delete(Filler);

    public void Dispose() => Run("umount", "-l", _path);

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process =
                Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true });
            return process is not null && process.WaitForExit(TimeSpan.FromSeconds(10)) && process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

/// <summary>A test that needs a disk of its own, which only root may mount.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TmpfsFactAttribute : FactAttribute
{
    public TmpfsFactAttribute() =>
        Skip = SmallDisk.IsPossible() ? null : "a full disk is tried on a tmpfs of its own, which this user may not mount";
}
