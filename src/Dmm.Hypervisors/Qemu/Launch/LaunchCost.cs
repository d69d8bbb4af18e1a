using System.Globalization;
using System.Text.RegularExpressions;
using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>The expected cost of a VM beside its guest's memory, and the address space of a guest here.</summary>
internal static partial class LaunchCost
{
    // Measured with QEMU 7.2: the process itself, and the addition for each virtual CPU.
    private static readonly MemorySize Process = MemorySize.FromMiB(48);
    private static readonly MemorySize PerCpu = MemorySize.FromMiB(4);

    /// <summary>Bitmaps of virtio-mem and page tables take 1 / 8192 of the memory that can be plugged.</summary>
    private const long BitmapShare = 8192;

    /// <summary>QEMU's emulated CPUs address 40 bits.</summary>
    private const int TcgAddressBits = 40;

    public static MemorySize Expect(VmSpec spec, QemuSettings settings, QemuAccel accel)
    {
        var cpus = new MemorySize(PerCpu.Bytes * spec.Cpus);
        var bitmaps = new MemorySize(QemuCommandLine.HotplugSize(spec, settings).Bytes / BitmapShare);
        var cost = Process + cpus + bitmaps;
        return accel == QemuAccel.Kvm ? cost : cost + settings.TranslationCache;
    }

    /// <summary>The setting, or half of the CPU's address space where that is less: the other half is for devices.</summary>
    public static MemorySize AddressSpace(QemuSettings settings, QemuAccel accel)
    {
        var bits = accel == QemuAccel.Kvm ? HostAddressBits() : TcgAddressBits;
        return MemorySize.Min(settings.MaxMemory, new MemorySize(1L << (bits - 1)));
    }

    private static int HostAddressBits() =>
        AddressBits().Match(File.ReadAllText("/proc/cpuinfo")) is { Success: true } match
            ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : TcgAddressBits;

    [GeneratedRegex(@"^address sizes\s*:\s*(\d+) bits physical", RegexOptions.Multiline)]
    private static partial Regex AddressBits();
}
