namespace Dmm.Hypervisors.Linux;

/// <summary>How the VMs that DMM launches get control groups of their own.</summary>
internal enum GroupWay
{
    /// <summary>They have none: they stay in the daemon's group.</summary>
    None,

    /// <summary>systemd makes a scope for each in <see cref="GroupPlace.Slice"/>, and delegates it to DMM.</summary>
    Scope,

    /// <summary>DMM makes a folder for each below its own.</summary>
    Folder,
}

/// <summary>Where this host's VMs get their control groups, by the setting <c>dmm.qemu.groups</c> and what this host has.</summary>
/// <param name="Folder">Below which each VM gets a folder (<see cref="GroupWay.Folder"/>).</param>
/// <param name="Why">
/// Why the host can't hold VMs to their claims in these groups, in one line; null where it can, as far as is seen.
/// </param>
internal sealed record GroupPlace(GroupWay Way, string? Folder, string? Why)
{
    public const string Auto = "auto";
    public const string Off = "off";
    public const string Slice = "dmm.slice";

    /// <summary>The name of DMM's folder on a host without systemd.</summary>
    private const string OwnFolder = "dmm";

    /// <param name="setting"><c>auto</c>, <c>off</c>, or the absolute path of a control group.</param>
    /// <param name="root">The folder that holds <c>/proc</c>, <c>/run</c> and <c>/sys</c>; other than <c>/</c> in tests.</param>
    /// <param name="privileged">Whether this daemon is root.</param>
    public static GroupPlace Find(string setting, string root, bool privileged)
    {
        if (setting == Off)
            return new(GroupWay.None, null, "dmm.qemu.groups is off");
        var mount = GroupTree.Mount(root);
        if (setting != Auto)
            return InFolder(Path.Combine(root, setting.TrimStart('/')), root);
        if (!privileged)
            return new(GroupWay.None, null, "dmmd does not run as root, so it can't make control groups (dmm.qemu.groups)");
        if (!Directory.Exists(Path.Combine(root, "run/systemd/system")))
            return InFolder(Path.Combine(mount, OwnFolder), root);
        return new(GroupWay.Scope, null, GroupTree.HasMemory(mount) ? null : Lacks(mount));
    }

    /// <summary>The limited groups above those of VMs that are launched here, which limit all of them together.</summary>
    public IEnumerable<LimitedGroup> Limits(string root) => Way switch
    {
        GroupWay.Scope => [.. LimitedGroup.Above(version2: true, Slice, root), .. LimitedGroup.Above(version2: false, Slice, root)],
        GroupWay.Folder => LimitedGroup.Above(version2: true, Path.GetRelativePath(GroupTree.Mount(root), Folder!), root),
        _ => LimitedGroup.Of("self", root),
    };

    private static GroupPlace InFolder(string folder, string root)
    {
        // A folder that is not there yet is made below a group that gives it the memory controller.
        var parent = Path.GetDirectoryName(folder) ?? "/";
        var mount = GroupTree.Mount(root);
        if (!folder.StartsWith(mount + "/", StringComparison.Ordinal))
            return new(GroupWay.None, null, $"{folder} is not below {mount}, where control groups of version 2 are (dmm.qemu.groups)");
        if (GroupTree.IsGroup(folder) ? GroupTree.HasMemory(folder) : GroupTree.GivesMemory(parent))
            return new(GroupWay.Folder, folder, null);
        return new(
            GroupWay.None, null,
            GroupTree.IsGroup(folder) ? Lacks(folder)
            : !GroupTree.IsGroup(parent) ? $"{folder} is not in a hierarchy of control groups of version 2 (dmm.qemu.groups)"
            : GroupTree.HasMemory(parent) ? $"{parent}/cgroup.subtree_control does not name memory, so {folder} can't bound it"
            : Lacks(parent));
    }

    private static string Lacks(string folder) =>
        $"{Path.Combine(folder, "cgroup.controllers")} does not name memory: this host has the memory controller in version 1, or "
        + "switched off";
}
