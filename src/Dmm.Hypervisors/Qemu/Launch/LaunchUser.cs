using System.Globalization;
using Dmm.Core.Vms;
using Dmm.Files;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// The user as whom QEMU runs (<c>dmm.qemu.user</c>): a name or number with the groups of its account, or a number and a group's number
/// without further groups. Source: setpriv(1).
/// </summary>
internal sealed record LaunchUser(Account Account, IReadOnlyList<uint> Groups, bool WithGroups)
{
    /// <summary>Looks the setting up.</summary>
    /// <returns>The user; null where QEMU runs as the daemon's own user, or where there is a fault.</returns>
    public static (LaunchUser? User, string? Fault) Find(QemuSettings settings)
    {
        if (settings.User.Length == 0)
            return (null, null);
        var words = settings.User.Split(':', 2);
        Account? account;
        if (!uint.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            account = words.Length == 1 ? Accounts.Named(words[0]) : null;
        else if (words.Length == 1)
            account = Accounts.Numbered(number);
        else
            account = uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var group)
                ? new(null, number, group) : null;
        if (account is null)
        {
            return (null, $"dmm.qemu.user is '{settings.User}'; this host has no such user. It must be the name or number of an account "
                + "(getent passwd lists them), or UID:GID");
        }

        if (account.User == FileOwner.Self)
            return (null, null);
        return settings.IsPrivileged
            ? (new(account, account.Name is null ? [account.Group] : Accounts.GroupsOf(account), account.Name is not null), null)
            : (null,
                $"dmm.qemu.user is '{settings.User}', and dmmd runs as user {FileOwner.Self}: only root can start a VM as another user");
    }

    /// <summary>The program and its arguments that start QEMU as this user.</summary>
    public IReadOnlyList<string> Before(string setpriv) =>
    [
        setpriv, "--reuid", Text(Account.User), "--regid", Text(Account.Group), WithGroups ? "--init-groups" : "--clear-groups",
        "--no-new-privs", "--",
    ];

    /// <summary>What of this VM's files the user can't reach, in one line; null where it reaches all.</summary>
    public string? Obstacle(VmSpec spec, QemuSettings settings)
    {
        const UnixFileMode Read = UnixFileMode.UserRead;
        const UnixFileMode ReadWrite = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var (folder, files) = (settings.VmsDirectory, new List<(string Path, UnixFileMode Access)>());
        switch (spec.Medium)
        {
            case BootMedium.KernelBoot kernel:
                files.Add((kernel.Kernel, Read));
                if (kernel.Initrd is { } initrd)
                    files.Add((initrd, Read));
                break;
            case BootMedium.DiskBoot disk:
                files.Add((disk.Path, ReadWrite));
                break;
        }

        // The folder of the VMs is DMM's own to open (VmFolder); those above it are not.
        files.Add((Path.GetDirectoryName(folder) ?? "/", UnixFileMode.UserExecute));
        const UnixFileMode MakeFiles = UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        files.AddRange(spec.Channels.Select(c => (Path.GetDirectoryName(c.Socket) ?? "/", MakeFiles)));
        return files.Select(f => Obstacle(f.Path, f.Access, settings)).FirstOrDefault(o => o is not null);
    }

    /// <summary>Why the user can't use KVM, in one line; null where it can.</summary>
    public string? ObstacleToKvm(QemuSettings settings) =>
        Obstacle("/dev/kvm", UnixFileMode.UserRead | UnixFileMode.UserWrite, settings) is { } obstacle
            ? $"{obstacle}; usually its account must be in the group kvm" : null;

    private string? Obstacle(string path, UnixFileMode access, QemuSettings settings) =>
        FileOwner.Obstacle(path, Account.User, [.. Groups], access) is { } obstacle
            ? $"QEMU runs as user '{settings.User}' (dmm.qemu.user), and {obstacle}" : null;

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);
}
