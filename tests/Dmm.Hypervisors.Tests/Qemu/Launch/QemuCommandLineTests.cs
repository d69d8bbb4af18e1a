using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

public sealed class QemuCommandLineTests
{
    private static readonly QemuSettings Settings = new() { StateDirectory = "/var/lib/dmm", SpareRootPorts = 2 };

    private static readonly VmSpec Spec = new()
    {
        Id = VmId.Parse("one"),
        Policy = new(MemorySize.FromMiB(128), MemorySize.FromGiB(2)),
        Boot = MemorySize.FromMiB(256),
        Cpus = 2,
        Medium = new BootMedium.KernelBoot("/boot/vmlinuz", "/boot/initrd", null),
    };

    [Fact]
    public void A_kernel_boot_is_written_out_whole()
    {
        Assert.Equal(
            [
                "-name", "guest=one", "-nodefaults", "-no-user-config", "-display", "none",
                "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
                "-machine", "q35,usb=off,vmport=off",
                "-accel", "tcg,thread=multi,tb-size=64", "-cpu", "max,-erms",
                "-smp", "2",
                "-m", "size=268435456B,slots=32,maxmem=549755813888B",
                "-object", "memory-backend-ram,id=hotplug0,reserve=off,size=17179869184",
                "-device", "virtio-mem-pci,id=vmem0,memdev=hotplug0,node=0,requested-size=0,block-size=2097152",
                "-device", "virtio-balloon-pci,id=balloon0,free-page-reporting=on,deflate-on-oom=on",
                "-device", "pvpanic-pci", "-action", "panic=pause",
                "-chardev", "socket,id=qmp,path=/var/lib/dmm/vms/one/qmp.sock,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
                "-chardev", "socket,id=operator,path=/var/lib/dmm/vms/one/operator-qmp.sock,server=on,wait=off",
                "-mon", "chardev=operator,mode=control",
                "-chardev", "socket,id=console,path=/var/lib/dmm/vms/one/console.sock,server=on,wait=off", "-serial", "chardev:console",
                "-device", "virtio-serial-pci,id=channels,max_ports=18",
                "-chardev", "socket,id=agent,path=/var/lib/dmm/vms/one/agent.sock,server=on,wait=off",
                "-device", "virtserialport,id=agent-port,bus=channels.0,chardev=agent,name=org.dmm.guest.0",
                "-device", "pcie-root-port,id=dmm-spare0,chassis=1,slot=1", "-device", "pcie-root-port,id=dmm-spare1,chassis=2,slot=2",
                "-kernel", "/boot/vmlinuz", "-append", QemuSettings.ShippedAppend, "-initrd", "/boot/initrd",
                "-pidfile", "/var/lib/dmm/vms/one/qemu.pid",
            ],
            Build(Spec));
    }

    [Fact]
    public void Commas_in_paths_are_doubled_where_QEMU_reads_options_and_left_where_it_does_not()
    {
        var settings = Settings with { StateDirectory = "/srv/a,b" };
        var disk = Build(Spec with { Medium = new BootMedium.DiskBoot("/img/c,d.raw", "raw") }, settings);
        Assert.Contains("if=none,id=disk0,format=raw,file=/img/c,,d.raw", disk);
        Assert.Contains("socket,id=qmp,path=/srv/a,,b/vms/one/qmp.sock,server=on,wait=off", disk);
        Assert.Contains("/srv/a,b/vms/one/qemu.pid", disk);

        Assert.Contains("/k,1", Build(Spec with { Medium = new BootMedium.KernelBoot("/k,1", null, "a,b") }));
    }

    [Theory]
    [InlineData(RestartPolicy.Never, "panic=pause")]
    [InlineData(RestartPolicy.OnFailure, "panic=shutdown")]
    [InlineData(RestartPolicy.Always, "panic=shutdown")]
    public void A_guest_that_panics_ends_if_it_returns_and_otherwise_stays_to_be_looked_at(RestartPolicy restart, string action) =>
        Assert.Contains(action, Build(Spec with { Restart = restart }));

    [Fact]
    public void A_QEMU_without_a_filter_of_system_calls_can_be_used() =>
        Assert.DoesNotContain("-sandbox", Build(Spec, Settings with { Sandbox = false }));

    [Fact]
    public void An_append_of_the_specs_own_replaces_the_default_one()
    {
        var arguments = Build(Spec with { Medium = new BootMedium.KernelBoot("/k", null, "console=ttyS0 mine") });

        Assert.Equal("console=ttyS0 mine", arguments[arguments.ToList().IndexOf("-append") + 1]);
        Assert.DoesNotContain("-initrd", arguments);
    }

    [Fact]
    public void A_disk_boots_through_firmware()
    {
        var arguments = Build(Spec with { Medium = new BootMedium.DiskBoot("/img/d.qcow2", "qcow2") });

        Assert.Contains("if=none,id=disk0,format=qcow2,file=/img/d.qcow2", arguments);
        Assert.Contains("virtio-blk-pci,drive=disk0,bootindex=1", arguments);
        Assert.DoesNotContain("-kernel", arguments);
    }

    [Fact]
    public void KVM_brings_the_hosts_cpu()
    {
        var arguments = Build(Spec, accel: QemuAccel.Kvm).ToList();

        Assert.Equal("kvm", arguments[arguments.IndexOf("-accel") + 1]);
        Assert.Equal("host", arguments[arguments.IndexOf("-cpu") + 1]);
    }

    [Fact]
    public void There_is_a_network_only_where_it_is_asked_for()
    {
        Assert.DoesNotContain("-netdev", Build(Spec));
        Assert.Contains("-netdev", Build(Spec with { Network = VmNetwork.User }));
    }

    [Fact]
    public void A_guest_reaches_neither_its_host_nor_the_outside_unless_that_is_opened()
    {
        var spec = Spec with { Network = VmNetwork.User };
        Assert.Contains("user,id=net0,restrict=on", Build(spec));
        Assert.Contains("user,id=net0", Build(spec, Settings with { OpenUserNetwork = true }));
    }

    [Fact]
    public void Each_further_channel_has_its_port_and_socket()
    {
        var arguments = Build(Spec with { Channels = [new("org.dmm.load.0", "/run/l0.sock"), new("org.example", "/run/l1.sock")] });

        Assert.Contains("socket,id=channel1,path=/run/l1.sock,server=on,wait=off", arguments);
        Assert.Contains("virtserialport,id=channel0-port,bus=channels.0,chardev=channel0,name=org.dmm.load.0", arguments);
    }

    [Theory]
    [InlineData(2048, 16 * 1024)]
    [InlineData(64 * 1024, (64 * 1024) - 256)]
    [InlineData((64 * 1024) + 1, (64 * 1024) - 128)]
    public void The_hotplug_device_reaches_max_in_whole_blocks_of_the_guest_and_leaves_room(long maxMiB, long deviceMiB)
    {
        var spec = Spec with { Policy = new(MemorySize.FromMiB(128), MemorySize.FromMiB(maxMiB)) };

        Assert.Equal(MemorySize.FromMiB(deviceMiB), QemuCommandLine.HotplugSize(spec, Settings));
    }

    private static IReadOnlyList<string> Build(VmSpec spec, QemuSettings? settings = null, QemuAccel accel = QemuAccel.Tcg) =>
        QemuCommandLine.Build(spec, settings ?? Settings, VmFolder.Of(settings ?? Settings, spec.Id), accel, MemorySize.FromGiB(512));
}
