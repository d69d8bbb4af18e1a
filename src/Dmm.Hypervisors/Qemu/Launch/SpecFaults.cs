using System.Text.RegularExpressions;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Files;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>Finds what prevents a spec from being launched here, by looking at files and limits; nothing is started or changed.</summary>
public static partial class SpecFaults
{
    /// <returns>The first fault in one line, or null.</returns>
    public static string? Find(VmSpec spec, QemuSettings settings, MemorySize maxMemory) =>
        settings.Fault() ?? Machine(spec, settings, maxMemory) ?? Medium(spec) ?? Sockets(spec, settings)
        ?? Program(settings.Binary, "QEMU's program", "(dmm.qemu.binary)", "install qemu-system-x86 or set the program's path")
        ?? Program(LaunchLine.Session, "the program", "(starts VMs in sessions of their own)", "install util-linux")
        ?? User(spec, settings) ?? Groups(settings);

    private static string? User(VmSpec spec, QemuSettings settings)
    {
        var (user, fault) = LaunchUser.Find(settings);
        return fault ?? (user is null ? null
            : user.Obstacle(spec, settings)
                ?? Program(settings.SetPriv, "the program", "(starts VMs as dmm.qemu.user)", "install util-linux"));
    }

    private static string? Groups(QemuSettings settings) =>
        GroupPlace.Find(settings.Groups, settings.Root, settings.IsPrivileged).Way == GroupWay.Scope
            ? Program(settings.SystemdRun, "the program", "(dmm.qemu.groups = auto)", "install systemd, or set dmm.qemu.groups = off")
            : null;

    private static string? Machine(VmSpec spec, QemuSettings settings, MemorySize maxMemory)
    {
        if (spec.Cpus is < 1 or > VmSpec.MaxCpus)
            return $"cpus is {spec.Cpus}; it must be from 1 to {VmSpec.MaxCpus}";
        if (spec.Boot.IsZero || spec.Boot.Bytes % MemorySize.FromMiB(1).Bytes != 0)
            return $"boot is {spec.Boot}; it must be whole MiB and more than 0";
        var room = QemuCommandLine.HotplugSize(spec, settings);
        var need = spec.Boot + room + Hotplug.RescueRoom;
        if (need <= maxMemory)
            return null;
        var least = QemuCommandLine.HotplugSize(spec, settings with { HotplugRoom = MemorySize.Zero });
        var (why, way) = room > least && spec.Boot + least + Hotplug.RescueRoom <= maxMemory
            ? ($"the room for hotplug of {room} (dmm.qemu.hotplug-room)", "a smaller dmm.qemu.hotplug-room would do")
            : ($"room to grow to max {spec.Policy.Max}", "a smaller max would do");
        return $"boot {spec.Boot}, {why} and {Hotplug.RescueRoom} for rescue DIMMs make {need}; "
            + $"this host's QEMU guests can address {maxMemory}: {way}";
    }

    private static string? Medium(VmSpec spec) => spec.Medium switch
    {
        null => "a QEMU VM needs a kernel (--kernel, --initrd) or a disk (--disk); the spec has neither",
        BootMedium.KernelBoot { Initrd: { } initrd } kernel =>
            File("kernel", kernel.Kernel, FileAccess.Read) ?? File("initrd", initrd, FileAccess.Read),
        BootMedium.KernelBoot kernel => File("kernel", kernel.Kernel, FileAccess.Read),
        BootMedium.DiskBoot { Format: not ("raw" or "qcow2") } disk => $"disk format is '{disk.Format}'; it must be raw or qcow2",
        BootMedium.DiskBoot disk => File("disk", disk.Path, FileAccess.ReadWrite),
        var other => $"QEMU can't boot from {other}",
    };

    private static string? File(string what, string path, FileAccess access)
    {
        if (!Path.IsPathRooted(path))
            return $"{what} '{path}' is not an absolute path";
        if (Directory.Exists(path))
            return $"{what} '{path}' is a folder; it must be a file";
        if (!System.IO.File.Exists(path))
            return $"{what} '{path}' does not exist";
        var kind = FileFacts.Of(path)?.Kind;
        if (kind != FileKind.Regular && (kind != FileKind.BlockDevice || access == FileAccess.Read))
            return $"{what} '{path}' is {(access == FileAccess.Read ? "not a regular file" : "neither a file nor a block device")}";
        try
        {
            using var file = new FileStream(path, FileMode.Open, access, FileShare.ReadWrite, bufferSize: 0);
            return kind == FileKind.Regular && file.Length == 0 ? $"{what} '{path}' is empty" : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{what} '{path}' can't be {(access == FileAccess.Read ? "read" : "read and written")}: {e.Message}";
        }
    }

    private static string? Sockets(VmSpec spec, QemuSettings settings)
    {
        var folder = VmFolder.Of(settings, spec.Id);
        if (UnixSocket.PathFault(folder.OperatorControl) is { } tooLong)
            return tooLong;
        if (spec.Channels.Length > VmSpec.MaxChannels)
            return $"there are {spec.Channels.Length} channels; at most {VmSpec.MaxChannels} are possible";
        var names = new HashSet<string>(StringComparer.Ordinal) { QemuCommandLine.AgentPort };
        var sockets = new HashSet<string>(StringComparer.Ordinal) { folder.Control, folder.OperatorControl, folder.Agent, folder.Console };
        foreach (var channel in spec.Channels)
        {
            if (!ChannelName().IsMatch(channel.Name))
                return $"channel name '{channel.Name}' is not valid; use 1 to 64 letters, digits, '.', '-' and '_'";
            if (!names.Add(channel.Name))
                return $"channel name '{channel.Name}' is taken; each channel of a VM needs its own";
            if (UnixSocket.PathFault(channel.Socket) is { } fault)
                return $"channel '{channel.Name}': {fault}";
            if (!sockets.Add(channel.Socket))
                return $"channel '{channel.Name}': socket '{channel.Socket}' is used twice in this VM";
            if (SocketFault(channel.Socket) is { } place)
                return $"channel '{channel.Name}': {place}";
        }

        return null;
    }

    /// <summary>Checks a socket's path beforehand: QEMU deletes whatever is there before it listens.</summary>
    private static string? SocketFault(string path)
    {
        var folder = Path.GetDirectoryName(path);
        if (!Directory.Exists(folder))
            return $"the folder of socket '{path}' does not exist";
        return SocketPlace.Judge(path) switch
        {
            { Usable: true } => null,
            { State: SocketPlaceState.Occupied } place => $"'{path}' exists and is not a socket ({place.Why}); it would be overwritten",
            _ => $"socket '{path}' is in use by another process",
        };
    }

    private static string? Program(string program, string what, string why, string remedy)
    {
        var places = program.Contains('/', StringComparison.Ordinal)
            ? [program]
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Select(folder => Path.Combine(folder, program));
        return places.Any(System.IO.File.Exists) ? null : $"{what} '{program}' {why} was not found; {remedy}";
    }

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ChannelName();
}
