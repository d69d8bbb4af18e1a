using System.Globalization;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Files;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

/// <summary>VMs of another user. What needs root to be tried is tried in real stories; here nothing changes its user.</summary>
public sealed class LaunchUserTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private VmSpec Spec => new()
    {
        Id = VmId.Parse("one"),
        Policy = new(MemorySize.FromMiB(128), MemorySize.FromGiB(2)),
        Boot = MemorySize.FromMiB(256),
        Medium = new BootMedium.KernelBoot(_folder.In("vmlinuz"), null, null),
    };

    private QemuSettings Settings(string user, bool privileged = true) => new()
    {
        StateDirectory = _folder.In("state"),
        Binary = "/bin/sh",
        User = user,
        IsPrivileged = privileged,
        Groups = "off",
    };

    [Fact]
    public void An_account_comes_with_its_groups_and_a_number_without()
    {
        var nobody = Accounts.Named("nobody")!;
        var (uid, gid) = (Text(nobody.User), Text(nobody.Group));
        Assert.Equal(["setpriv", "--reuid", uid, "--regid", gid, "--init-groups", "--no-new-privs", "--"], Before("nobody"));
        Assert.Equal(Before("nobody"), Before(uid));
        Assert.Equal(["setpriv", "--reuid", uid, "--regid", "12", "--clear-groups", "--no-new-privs", "--"], Before($"{uid}:12"));
        Assert.Empty(Before(""));
        Assert.Empty(Before(Text(FileOwner.Self)));
    }

    [Theory]
    [InlineData("no-such-user")]
    [InlineData("4000000001")]
    [InlineData("1:x")]
    public void A_user_that_is_none_is_said_before_anything_starts(string user)
    {
        _folder.File("vmlinuz");
        Assert.Contains(
            $"dmm.qemu.user is '{user}'; this host has no such user", SpecFaults.Find(Spec, Settings(user), MemorySize.FromGiB(512)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Only_root_can_start_a_vm_as_another_user() =>
        Assert.Contains(
            "only root can", LaunchUser.Find(Settings("4000000001:4000000001", privileged: false)).Fault, StringComparison.Ordinal);

    [Fact]
    public void A_kernel_that_the_user_can_not_read_and_a_folder_that_it_can_not_pass_are_said_before()
    {
        Directory.CreateDirectory(_folder.In("state"));
        var kernel = _folder.File("vmlinuz");
        var open = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherExecute;
        File.SetUnixFileMode(_folder.Path, open);
        File.SetUnixFileMode(kernel, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Null(Obstacle());

        File.SetUnixFileMode(kernel, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Contains($"it may not read {kernel}", Obstacle(), StringComparison.Ordinal);
        File.SetUnixFileMode(kernel, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        File.SetUnixFileMode(_folder.In("state"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Contains($"it may not pass through {_folder.In("state")} (", Obstacle(), StringComparison.Ordinal);
        File.SetUnixFileMode(_folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Contains($"it may not pass through {_folder.Path} (", Obstacle(), StringComparison.Ordinal);
    }

    private string? Obstacle() => LaunchUser.Find(Settings("4000000001:4000000001")).User!.Obstacle(Spec, Settings(""));

    private IReadOnlyList<string> Before(string user) => LaunchUser.Find(Settings(user)).User?.Before("setpriv") ?? [];

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);
}
