using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// The control group (version 2) that DMM made for one VM's process. It is recognized by its name alone, so that a new daemon finds it
/// again: <c>dmm-vm-NAME-</c> and 16 hexadecimal digits, eight of the state folder and eight of the launch. Where systemd makes it, that is
/// a scope, which belongs to systemd, and the process is in the scope's child <c>vm</c>, which belongs to DMM.
/// </summary>
/// <param name="Name">Its path below the hierarchy's root.</param>
/// <param name="Folder">Its folder.</param>
internal sealed partial record VmGroup(string Name, string Folder)
{
    public const string Prefix = "dmm-vm-";

    /// <summary>The child of a scope in which the process is.</summary>
    public const string Leaf = "vm";

    private static readonly Lock Together = new();

    private static readonly string[] Reclaimable = ["inactive_file", "active_file", "slab_reclaimable"];

    /// <summary>A new name for a VM's group, unlike every earlier one.</summary>
    public static string NewName(VmId id, string stateDirectory) =>
        $"{Prefix}{id.Name}-{Mark(stateDirectory)}{RandomNumberGenerator.GetHexString(8, lowercase: true)}";

    /// <summary>The digits of the state folder, by which one daemon's groups differ from another's.</summary>
    public static string Mark(string stateDirectory) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(stateDirectory)))[..8];

    /// <summary>Whether DMM made the group of this path, or its scope.</summary>
    public static bool IsOwn(string name) => OwnName().IsMatch(name);

    /// <summary>The group that DMM made for this process; null where it is in another's.</summary>
    public static VmGroup? Of(int pid, string root = "/") =>
        GroupTree.PathOf(pid.ToString(CultureInfo.InvariantCulture), root) is { } name && LeafName().IsMatch(name)
            ? new(name, Path.Combine(GroupTree.Mount(root), name.TrimStart('/')))
            : null;

    /// <summary>Whether the kernel counts and bounds memory in this group.</summary>
    public bool CountsMemory => File.Exists(Path.Combine(Folder, "memory.current"));

    /// <summary>
    /// The memory that the group holds and that the host can't have back without taking it from the guest: all that is charged to it
    /// (<c>memory.current</c>), less the pages of files (<c>inactive_file</c>, <c>active_file</c>: the cache of the VM's images, which
    /// MemAvailable already contains) and less kernel objects that can be reclaimed (<c>slab_reclaimable</c>, which it contains as well).
    /// What is left: anonymous memory, shared memory, page tables (those of KVM too), stacks and other kernel memory, and huge pages that
    /// the process has unmapped in part but that are not yet split. A page that KSM has merged is charged once, to one group.
    /// </summary>
    /// <returns>Null where it can't be read.</returns>
    public MemorySize? Held()
    {
        if (ProcFiles.Number(Path.Combine(Folder, "memory.current")) is not { } current)
            return null;
        var stat = ProcFiles.Lines(Path.Combine(Folder, "memory.stat"));
        var others = Reclaimable.Sum(key => ProcFiles.Figure(stat, key) ?? 0);
        return new(Math.Max(0, current - others));
    }

    /// <summary>The kernel memory charged to the group, without what can be reclaimed; null where the kernel does not say.</summary>
    public MemorySize? Kernel()
    {
        var stat = ProcFiles.Lines(Path.Combine(Folder, "memory.stat"));
        return ProcFiles.Figure(stat, "kernel") is { } kernel
            ? new(Math.Max(0, kernel - (ProcFiles.Figure(stat, "slab_reclaimable") ?? 0)))
            : null;
    }

    /// <summary>
    /// Makes the kernel hold the process to these bounds. <c>memory.max</c> is raised before <c>memory.high</c>, and lowered after it, so
    /// that high never lies above max. Max is not lowered below what the group holds: the kernel would kill the process at once.
    /// </summary>
    /// <exception cref="HypervisorException">Not all bounds could be set; the message says which and why.</exception>
    public void Bound(VmBounds bounds)
    {
        if (bounds.Most < bounds.Claim)
            throw new HypervisorException($"{Name}: the most is {bounds.Most}, below the claim, {bounds.Claim}; it must be at least that");
        var max = Read("memory.max");
        foreach (var (file, value) in Order(bounds, max))
        {
            if (file == "memory.max" && max is not null && value < max && Held() is { } held && held.Bytes > value)
            {
                throw new HypervisorException(
                    $"{Path.Combine(Folder, file)} stays as it is: the VM holds {held}, and {bounds.Most} would get it killed; "
                    + "memory.high is set, so it is held back until it has given memory back");
            }

            Set(file, value);
        }

        ProtectTogether();
    }

    /// <summary>The files and their values, in the order in which they are written.</summary>
    /// <param name="max">What <c>memory.max</c> is now; the largest number for no limit.</param>
    internal static IReadOnlyList<(string File, long Value)> Order(VmBounds bounds, long? max)
    {
        (string, long) high = ("memory.high", bounds.Claim.Bytes);
        (string, long) most = ("memory.max", bounds.Most.Bytes);
        (string, long) min = ("memory.min", bounds.Guarantee.Bytes);
        return [("memory.oom.group", 1), .. max <= bounds.Most.Bytes ? [most, high, min] : (ReadOnlySpan<(string, long)>)[min, high, most]];
    }

    /// <summary>
    /// The kernel leaves a group its <c>memory.min</c> only as far as the group above is left one. Where that is DMM's own folder it gets
    /// the sum of its VMs'; a scope gets its VM's from systemd, and the slice above is the operator's.
    /// </summary>
    private void ProtectTogether()
    {
        if (Name.EndsWith($"/{Leaf}", StringComparison.Ordinal) || Path.GetDirectoryName(Folder) is not { } parent
            || !File.Exists(Path.Combine(parent, "memory.min")))
            return;
        lock (Together)
        {
            var sum = Directory.EnumerateDirectories(parent, Prefix + "*")
                .Sum(group => ProcFiles.Number(Path.Combine(group, "memory.min")) ?? 0);
            if (ProcFiles.Number(Path.Combine(parent, "memory.min")) != sum)
                GroupTree.Write(Path.Combine(parent, "memory.min"), sum.ToString(CultureInfo.InvariantCulture));
        }
    }

    private void Set(string file, long value)
    {
        var path = Path.Combine(Folder, file);
        var text = value.ToString(CultureInfo.InvariantCulture);
        GroupTree.Write(path, text);
        // The kernel keeps whole pages, rounded down.
        if (file != "memory.oom.group" && Read(file) is var now && !(now <= value && now > value - Environment.SystemPageSize))
        {
            throw new HypervisorException(
                $"{path}: {text} was written, and it is {now?.ToString(CultureInfo.InvariantCulture) ?? "unreadable"} now");
        }
    }

    /// <returns>The largest number for <c>max</c>.</returns>
    private long? Read(string file)
    {
        var path = Path.Combine(Folder, file);
        return ProcFiles.Lines(path) is ["max", ..] ? long.MaxValue : ProcFiles.Number(path);
    }

    [GeneratedRegex(@"(^|/)dmm-vm-[A-Za-z0-9][A-Za-z0-9._-]{0,47}-[0-9a-f]{16}(\.scope)?(/vm)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex OwnName();

    [GeneratedRegex(@"(^|/)dmm-vm-[A-Za-z0-9][A-Za-z0-9._-]{0,47}-[0-9a-f]{16}(\.scope/vm)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex LeafName();
}
