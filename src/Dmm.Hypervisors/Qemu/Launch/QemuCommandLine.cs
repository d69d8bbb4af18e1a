using System.Globalization;
using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Devices;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Builds QEMU's arguments from a spec. It is pure; each argument is one string, and no shell is used. Source: QEMU, qemu-options.hx; 7.2
/// is the oldest version that is tested.
/// </summary>
public static class QemuCommandLine
{
    /// <summary>The port through which the guest's agent speaks.</summary>
    public const string AgentPort = "org.dmm.guest.0";

    /// <summary>
    /// All of QEMU's filters: no calls that only old programs need, no more privileges, no other programs, no change of limits and
    /// priorities. Source: QEMU, system/qemu-seccomp.c; libvirt starts its VMs with the same.
    /// </summary>
    private const string Sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

    public static IReadOnlyList<string> Build(VmSpec spec, QemuSettings settings, VmFolder folder, QemuAccel accel, MemorySize maxMemory)
    {
        var arguments = new List<string>();
        Machine(arguments, spec, settings, accel, maxMemory);
        Memory(arguments, spec, settings);
        Panic(arguments, spec.Restart);
        Sockets(arguments, spec, folder);
        Network(arguments, spec.Network, settings);
        for (var port = 0; port < settings.SpareRootPorts; port++)
            Add(arguments, "-device", $"pcie-root-port,id={DeviceId.SparePortOf(port)},chassis={port + 1},slot={port + 1}");
        Boot(arguments, spec.Medium ?? throw new HypervisorException($"VM '{spec.Id}' has neither a kernel nor a disk"), settings);

        Add(arguments, "-pidfile", folder.PidFile);
        return arguments;
    }

    /// <summary>
    /// The size of the VM's virtio-mem device: enough for max, and room for a higher max. A guest can use only whole memory blocks of it.
    /// </summary>
    public static MemorySize HotplugSize(VmSpec spec, QemuSettings settings) =>
        MemorySize.Max(spec.Policy.Max.MinusOrZero(spec.Boot), settings.HotplugRoom)
        .RoundUp(MemorySize.Max(DimmPlan.LeastSize, settings.BlockSize));

    private static void Machine(List<string> arguments, VmSpec spec, QemuSettings settings, QemuAccel accel, MemorySize maxMemory)
    {
        Add(arguments, "-name", $"guest={spec.Id.Name}", "-nodefaults", "-no-user-config", "-display", "none");
        if (settings.Sandbox)
            Add(arguments, "-sandbox", Sandbox);
        Add(arguments, "-machine", "q35,usb=off,vmport=off");
        if (accel == QemuAccel.Kvm)
            Add(arguments, "-accel", "kvm", "-cpu", "host");
        else
            // Without ERMS the guest's kernel clears pages eight bytes at a time, not one: emulated, that is several times as fast, and so
            // is unplug, which clears each page (arch/x86/lib/clear_page_64.S).
            Add(arguments, "-accel", $"tcg,thread=multi,tb-size={settings.TranslationCache.Bytes >> 20}", "-cpu", "max,-erms");
        Add(arguments, "-smp", spec.Cpus.ToString(CultureInfo.InvariantCulture));
        Add(arguments, "-m", $"size={spec.Boot.Bytes}B,slots={settings.MemorySlots},maxmem={maxMemory.Bytes}B");
    }

    private static void Memory(List<string> arguments, VmSpec spec, QemuSettings settings)
    {
        Add(arguments, "-object", $"memory-backend-ram,id=hotplug0,reserve=off,size={HotplugSize(spec, settings).Bytes}");
        Add(arguments, "-device", $"virtio-mem-pci,id=vmem0,memdev=hotplug0,node=0,requested-size=0,block-size={settings.BlockSize.Bytes}");
        Add(arguments, "-device", "virtio-balloon-pci,id=balloon0,free-page-reporting=on,deflate-on-oom=on");
    }

    /// <summary>
    /// Lets QEMU hear of a panic of the guest's kernel. A VM that DMM creates again ends then. Any other is stopped where it is: its
    /// memory and its console stay for somebody to look at, and it does not spin for ever.
    /// </summary>
    private static void Panic(List<string> arguments, RestartPolicy restart)
    {
        Add(arguments, "-device", "pvpanic-pci");
        Add(arguments, "-action", restart == RestartPolicy.Never ? "panic=pause" : "panic=shutdown");
    }

    private static void Sockets(List<string> arguments, VmSpec spec, VmFolder folder)
    {
        Listen(arguments, "qmp", folder.Control);
        Add(arguments, "-mon", "chardev=qmp,mode=control");
        Listen(arguments, "operator", folder.OperatorControl);
        Add(arguments, "-mon", "chardev=operator,mode=control");
        Listen(arguments, "console", folder.Console);
        Add(arguments, "-serial", "chardev:console");
        Add(arguments, "-device", $"virtio-serial-pci,id=channels,max_ports={VmSpec.MaxChannels + 2}");
        Channel(arguments, "agent", AgentPort, folder.Agent);
        for (var i = 0; i < spec.Channels.Length; i++)
            Channel(arguments, $"channel{i}", spec.Channels[i].Name, spec.Channels[i].Socket);
    }

    private static void Network(List<string> arguments, VmNetwork network, QemuSettings settings)
    {
        if (network != VmNetwork.User)
            return;
        Add(arguments, "-netdev", settings.OpenUserNetwork ? "user,id=net0" : "user,id=net0,restrict=on");
        Add(arguments, "-device", "virtio-net-pci,netdev=net0,romfile=");
    }

    private static void Boot(List<string> arguments, BootMedium medium, QemuSettings settings)
    {
        switch (medium)
        {
            case BootMedium.KernelBoot kernel:
                Add(arguments, "-kernel", kernel.Kernel, "-append", kernel.Append ?? settings.DefaultAppend);
                if (kernel.Initrd is not null)
                    Add(arguments, "-initrd", kernel.Initrd);
                break;
            case BootMedium.DiskBoot disk:
                Add(arguments, "-drive", $"if=none,id=disk0,format={disk.Format},file={Escape(disk.Path)}");
                Add(arguments, "-device", "virtio-blk-pci,drive=disk0,bootindex=1");
                break;
            default:
                throw new HypervisorException($"QEMU can't boot from {medium}");
        }
    }

    private static void Channel(List<string> arguments, string id, string port, string socket)
    {
        Listen(arguments, id, socket);
        Add(arguments, "-device", $"virtserialport,id={id}-port,bus=channels.0,chardev={id},name={port}");
    }

    private static void Listen(List<string> arguments, string id, string socket) =>
        Add(arguments, "-chardev", $"socket,id={id},path={Escape(socket)},server=on,wait=off");

    /// <summary>Doubles commas: in QEMU's option syntax a comma ends a value, and a doubled comma stands for one.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static void Add(List<string> arguments, params ReadOnlySpan<string> words) => arguments.AddRange(words);
}
