using System.Net.Sockets;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

public sealed class SpecFaultsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private QemuSettings Settings => new() { StateDirectory = _folder.Path, Binary = "/bin/sh" };

    private VmSpec Good => new()
    {
        Id = VmId.Parse("one"),
        Policy = new(MemorySize.FromMiB(128), MemorySize.FromGiB(2)),
        Boot = MemorySize.FromMiB(256),
        Medium = new BootMedium.KernelBoot(_folder.File("vmlinuz"), _folder.File("initrd"), null),
    };

    [Fact]
    public void A_sound_spec_has_no_fault_and_nothing_is_made_for_the_look()
    {
        Assert.Null(Fault(Good));
        Assert.Equal(["initrd", "vmlinuz"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Files_that_are_missing_are_named()
    {
        Assert.Equal("kernel '/no/vmlinuz' does not exist", Kernel("/no/vmlinuz"));
        Assert.Equal("initrd '/no/initrd' does not exist", Kernel(_folder.File("vmlinuz"), "/no/initrd"));
        Assert.Equal("disk '/no/d' does not exist", Disk("/no/d"));
        Assert.Equal($"disk '{_folder.Path}' is a folder; it must be a file", Disk(_folder.Path));
        Assert.Equal("disk 'd' is not an absolute path", Disk("d"));
        Assert.Contains("is empty", Kernel(_folder.File("empty", "")), StringComparison.Ordinal);
        Assert.Equal("kernel '/dev/null' is not a regular file", Kernel("/dev/null"));
        Assert.Equal("disk '/dev/null' is neither a file nor a block device", Disk("/dev/null"));
        Assert.Contains("neither", Fault(Good with { Medium = null }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_format_that_DMM_does_not_know_is_named() =>
        Assert.Equal("disk format is 'vmdk'; it must be raw or qcow2", Disk(_folder.File("d"), "vmdk"));

    [Theory]
    [InlineData(0)]
    [InlineData(256)]
    public void Cpus_are_bounded(int cpus) => Assert.Equal($"cpus is {cpus}; it must be from 1 to 255", Fault(Good with { Cpus = cpus }));

    [Fact]
    public void A_max_beyond_what_a_guest_can_address_is_refused()
    {
        var fault = Fault(Good with { Policy = new(MemorySize.FromMiB(128), MemorySize.FromGiB(600)) });

        Assert.Contains("QEMU guests can address 512 GiB: a smaller max would do", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_room_for_hotplug_that_leaves_no_place_for_the_vm_is_named_as_the_cause()
    {
        var fault = SpecFaults.Find(Good, Settings with { HotplugRoom = MemorySize.FromGiB(512) }, MemorySize.FromGiB(512))!;

        Assert.Contains("the room for hotplug of 512 GiB (dmm.qemu.hotplug-room)", fault, StringComparison.Ordinal);
        Assert.EndsWith("a smaller dmm.qemu.hotplug-room would do", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_boot_of_no_whole_MiB_is_refused() =>
        Assert.Contains("must be whole MiB", Fault(Good with { Boot = new MemorySize(1000) }), StringComparison.Ordinal);

    [Fact]
    public void Socket_paths_that_Linux_does_not_take_are_refused_before_anything_starts()
    {
        var fault = SpecFaults.Find(Good, Settings with { StateDirectory = "/" + new string('d', 90) }, MemorySize.FromGiB(512));

        Assert.Contains("Linux takes at most 107", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_channel_does_not_overwrite_a_file_nor_take_a_socket_in_use()
    {
        Assert.Contains("exists and is not a socket", Channel("org.a", _folder.File("precious")), StringComparison.Ordinal);
        Assert.Contains("does not exist", Channel("org.a", "/no/such/folder/s"), StringComparison.Ordinal);
        Assert.Contains("is not an absolute path", Channel("org.a", "s"), StringComparison.Ordinal);
        Assert.Contains("is used twice", Channel("org.a", VmFolder.Of(Settings, Good.Id).Agent), StringComparison.Ordinal);

        var path = _folder.In("live");
        using (var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen();
            Assert.Contains("in use by another process", Channel("org.a", path), StringComparison.Ordinal);
        }

        File.Delete(path);
        Assert.Null(Channel("org.a", path));
    }

    [Theory]
    [InlineData("org.dmm.guest.0", "is taken")]
    [InlineData("a,b=c", "is not valid")]
    [InlineData("", "is not valid")]
    public void Channel_names_are_checked(string name, string expected) =>
        Assert.Contains(expected, Channel(name, _folder.In("s")), StringComparison.Ordinal);

    [Fact]
    public void A_program_that_is_not_installed_is_named()
    {
        var fault = SpecFaults.Find(Good, Settings with { Binary = "qemu-system-none" }, MemorySize.FromGiB(512));

        Assert.Contains("'qemu-system-none' (dmm.qemu.binary) was not found; install qemu-system-x86", fault, StringComparison.Ordinal);
    }

    private string? Kernel(string path, string? initrd = null) =>
        Fault(Good with { Medium = new BootMedium.KernelBoot(path, initrd, null) });

    private string? Disk(string path, string format = "raw") => Fault(Good with { Medium = new BootMedium.DiskBoot(path, format) });

    private string? Channel(string name, string socket) => Fault(Good with { Channels = [new(name, socket)] });

    private string? Fault(VmSpec spec) => SpecFaults.Find(spec, Settings, MemorySize.FromGiB(512));
}
