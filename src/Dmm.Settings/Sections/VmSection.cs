using Dmm.Core;
using Dmm.Core.Memory;
using Dmm.Hocon;

namespace Dmm.Settings;

/// <summary>Whether the kernel is to leave each VM its min.</summary>
public enum KernelGuarantee
{
    Off,
    On,
}

/// <summary>The section <c>dmm.vm</c>.</summary>
/// <param name="Trust">How far it is believed that memory in a VM's balloon is free.</param>
/// <param name="Spark">The ballooned reserve that is given back at the moment of a plug; zero: none.</param>
/// <param name="Margin">The least MemAvailable that a shrink leaves.</param>
/// <param name="RetryMin">The first back-off of a stuck VM; it doubles up to <paramref name="RetryMax"/>.</param>
/// <param name="ReturnMin">
/// The first back-off of a VM with a restart policy that has ended; it doubles up to <paramref name="ReturnMax"/>.
/// </param>
/// <param name="ReturnCalm">A VM that ran for this long starts with <paramref name="ReturnMin"/> again.</param>
/// <param name="ReturnDeadline">How long a VM that returns waits for its memory before it gives up and tries again later.</param>
/// <param name="RestartMin">The first back-off of a VM's actor; it doubles up to <paramref name="RestartMax"/>.</param>
public sealed record VmSection(
    Trust Trust,
    KernelGuarantee KernelGuarantee,
    MemorySize Spark,
    MemorySize Margin,
    TimeSpan StuckAfter,
    TimeSpan UncooperativeAfter,
    TimeSpan RetryMin,
    TimeSpan RetryMax,
    TimeSpan BootDeadline,
    TimeSpan StopGrace,
    TimeSpan RestartMin,
    TimeSpan RestartMax,
    TimeSpan ReturnMin,
    TimeSpan ReturnMax,
    TimeSpan ReturnCalm,
    TimeSpan ReturnDeadline)
{
    internal static VmSection Read(SettingsReader reader)
    {
        var vm = new VmSection(
            reader.Choice<Trust>("dmm.vm.trust"),
            reader.Choice<KernelGuarantee>("dmm.vm.kernel-guarantee"),
            reader.SizeOrNone("dmm.vm.spark", "4MiB", "256MiB"),
            reader.Size("dmm.vm.margin", "8MiB", "4GiB"),
            reader.Duration("dmm.vm.stuck-after", "100ms", "10m"),
            reader.Duration("dmm.vm.uncooperative-after", "1s", "1h"),
            reader.Duration("dmm.vm.retry-min", "100ms", "1h"),
            reader.Duration("dmm.vm.retry-max", "100ms", "1h"),
            reader.Duration("dmm.vm.boot-deadline", "1s", "1h"),
            reader.Duration("dmm.vm.stop-grace", "1s", "1h"),
            reader.Duration("dmm.vm.restart-min", "10ms", "10m"),
            reader.Duration("dmm.vm.restart-max", "10ms", "10m"),
            reader.Duration("dmm.vm.return-min", "100ms", "1h"),
            reader.Duration("dmm.vm.return-max", "100ms", "1d"),
            reader.Duration("dmm.vm.return-calm", "1s", "7d"),
            reader.Duration("dmm.vm.return-deadline", "1s", "1d"));
        if (vm.UncooperativeAfter <= vm.StuckAfter)
            reader.Refuse("dmm.vm.uncooperative-after", $"longer than dmm.vm.stuck-after ({DurationText.Write(vm.StuckAfter)})");
        if (vm.RetryMax < vm.RetryMin)
            reader.Refuse("dmm.vm.retry-max", $"at least dmm.vm.retry-min ({DurationText.Write(vm.RetryMin)})");
        if (vm.RestartMax < vm.RestartMin)
            reader.Refuse("dmm.vm.restart-max", $"at least dmm.vm.restart-min ({DurationText.Write(vm.RestartMin)})");
        if (vm.ReturnMax < vm.ReturnMin)
            reader.Refuse("dmm.vm.return-max", $"at least dmm.vm.return-min ({DurationText.Write(vm.ReturnMin)})");
        return vm;
    }
}
