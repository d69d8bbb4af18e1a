using System.Globalization;
using Dmm.Core;

namespace Dmm.Testbed.Tests;

/// <summary>A control group with a limit, of the version in which this host has its memory controller.</summary>
internal sealed class ControlGroup : IDisposable
{
    private const string Version1 = "/sys/fs/cgroup/memory";
    private const string Version2 = "/sys/fs/cgroup";

    private readonly string _path;

    public ControlGroup(MemorySize limit)
    {
        _path = Path.Combine(
            Root ?? throw new InvalidOperationException("this host limits no memory by control groups"), $"dmm-test-{Guid.NewGuid():N}");
        Directory.CreateDirectory(_path);
        File.WriteAllText(
            Path.Combine(_path, Root == Version1 ? "memory.limit_in_bytes" : "memory.max"),
            limit.Bytes.ToString(CultureInfo.InvariantCulture));
    }

    private static string? Root =>
        File.Exists(Path.Combine(Version1, "memory.limit_in_bytes")) ? Version1
        : File.Exists(Path.Combine(Version2, "cgroup.subtree_control"))
            && File.ReadAllText(Path.Combine(Version2, "cgroup.subtree_control")).Contains("memory", StringComparison.Ordinal) ? Version2
        : null;

    /// <summary>Whether this user may create a control group.</summary>
    public static bool IsPossible()
    {
        try
        {
            using var group = new ControlGroup(MemorySize.FromMiB(64));
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The file into which a process writes its pid to join the group.</summary>
    public string Members => Path.Combine(_path, "cgroup.procs");

    public void TakeIn(int pid) => File.WriteAllText(Path.Combine(_path, "cgroup.procs"), pid.ToString(CultureInfo.InvariantCulture));

    /// <summary>Moves the group's processes out of it, since only an empty group can be deleted.</summary>
    public void Dispose()
    {
        foreach (var pid in File.ReadAllLines(Path.Combine(_path, "cgroup.procs")))
        {
            try
            {
                File.WriteAllText(Path.Combine(Root!, "cgroup.procs"), pid);
            }
            catch (IOException)
            {
                // The process has ended meanwhile.
            }
        }

        Directory.Delete(_path);
    }
}

/// <summary>A test that needs a control group of its own, which not every user may create, nor on every host.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ControlGroupFactAttribute : FactAttribute
{
    public ControlGroupFactAttribute() =>
        Skip = ControlGroup.IsPossible() ? null : "a limit is tried on a control group of its own, which this user may not make here";
}
