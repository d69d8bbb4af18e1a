using System.Globalization;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Gives each VM that DMM launches a control group of its own, and removes those of VMs that have ended. No other group is ever changed.
/// A VM whose group can't be made is launched without one, and that is said.
/// </summary>
internal sealed class VmGroups(QemuSettings settings, Action<string> log)
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _beingMade = [];
    private volatile string? _failed;

    private GroupPlace Place => GroupPlace.Find(settings.Groups, settings.Root, settings.IsPrivileged);

    /// <summary>Prepares the group of a VM that is about to be launched.</summary>
    public GroupEntry Prepare(VmSpec spec)
    {
        var place = Place;
        var name = VmGroup.NewName(spec.Id, settings.StateDirectory);
        switch (place.Way)
        {
            case GroupWay.Scope:
                return new(Scope(spec, name), place.Why is null ? $"scope:{GroupTree.Mount(settings.Root)}" : "");
            case GroupWay.Folder:
                return new([], Make(place.Folder!, name) ?? "") { Made = name };
            default:
                return new([], "");
        }
    }

    /// <summary>The launch for which the group was prepared is over: with a process in it, or with none.</summary>
    public void Done(GroupEntry entry)
    {
        lock (_gate)
            _beingMade.Remove(entry.Made);
        Sweep();
    }

    /// <summary>Removes groups of this daemon's VMs, also of its predecessors', in which no process is left.</summary>
    public void Sweep()
    {
        if (Place is not { Way: GroupWay.Folder, Folder: { } folder } || !Directory.Exists(folder))
            return;
        var mark = VmGroup.Mark(settings.StateDirectory);
        try
        {
            foreach (var group in Directory.EnumerateDirectories(folder, VmGroup.Prefix + "*").ToList())
            {
                var name = Path.GetFileName(group);
                if (!VmGroup.IsOwn(name) || name[^16..^8] != mark)
                    continue;
                lock (_gate)
                {
                    if (!_beingMade.Contains(name))
                        _ = GroupTree.Remove(group);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log($"control groups of VMs that have ended can't be removed from {folder}: {e.Message}");
        }
    }

    /// <summary>The group in which the kernel can hold this VM to its claim, or why there is none.</summary>
    public (VmGroup? Group, string? Why) Of(VmHandle handle)
    {
        if (!handle.Owned)
            return (null, "DMM did not launch it, so its control group is not DMM's to bound");
        if (handle.Pid is not { } pid)
            return (null, "its process is not known");
        if (VmGroup.Of(pid, settings.Root) is { } group)
            return group.CountsMemory ? (group, null) : (null, $"its control group {group.Name} does not count memory");
        return (null, Place.Why ?? _failed ?? "it was launched without a control group of its own; the next launch gives it one");
    }

    private string[] Scope(VmSpec spec, string name) =>
    [
        settings.SystemdRun, "--scope", "--quiet", "--collect", $"--unit={name}.scope", $"--slice={GroupPlace.Slice}",
        "--description", $"VM {spec.Id.Name} of DMM", "-p", "Delegate=yes",
        // Virtual CPUs, and threads for storage, of which QEMU makes at most 64 for each device with its own context.
        "-p", string.Create(CultureInfo.InvariantCulture, $"TasksMax={spec.Cpus + 1024}"), "-p", "ManagedOOMPreference=avoid",
        // The scope's own protection bounds that of its child, which DMM sets (VmGroup.Bound).
        "-p", string.Create(CultureInfo.InvariantCulture, $"MemoryMin={spec.Policy.Min.Bytes}"), "--",
    ];

    /// <returns>The folder; null where it could not be made.</returns>
    private string? Make(string parent, string name)
    {
        lock (_gate)
            _beingMade.Add(name);
        try
        {
            Sweep();
            Directory.CreateDirectory(parent);
            GroupTree.GiveMemory(parent);
            var folder = Path.Combine(parent, name);
            Directory.CreateDirectory(folder);
            _failed = null;
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or HypervisorException)
        {
            _failed = $"no control group could be made in {parent}: {e.Message}";
            log(_failed);
            return null;
        }
    }
}

/// <summary>How the process of a VM comes into its group.</summary>
/// <param name="Before">The program and its arguments that start the VM in a scope; empty where none does.</param>
/// <param name="Place">
/// What <see cref="LaunchLine"/> joins: <c>scope:</c> and where the hierarchy is mounted, a group's folder, or nothing.
/// </param>
internal sealed record GroupEntry(IReadOnlyList<string> Before, string Place)
{
    public string Made { get; init; } = "";
}
