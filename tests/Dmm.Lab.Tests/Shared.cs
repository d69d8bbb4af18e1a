using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Tests;

/// <summary>Shared parts of the tests: sizes in MiB, times in seconds, delays that are easy to compute with.</summary>
internal static class Shared
{
    public const long Mib = 1 << 20;
    public const long Second = 1_000_000;

    /// <summary>Every mechanism takes a second to answer and then moves 100 MiB a second; a guest swaps out 50.</summary>
    public static MechanismDelays Plain { get; } = new()
    {
        PlugMibPerSecond = 100,
        PlugLatencyMs = 1000,
        UnplugMibPerSecond = 100,
        UnplugLatencyMs = 1000,
        DeflateMibPerSecond = 100,
        InflateMibPerSecond = 100,
        BalloonLatencyMs = 1000,
        SwapOutMibPerSecond = 50,
        HearingLeastMs = 500,
        HearingMostMs = 500,
        ConfirmMs = 1000,
    };

    /// <param name="need">Pairs of a time in seconds, and the need in MiB from then on.</param>
    public static VmPlan Vm(string name, long min, long max, params (double At, long Mib)[] need) => new(
        name,
        MemorySize.FromMiB(min),
        MemorySize.FromMiB(min),
        MemorySize.FromMiB(max),
        1000,
        new([.. need.Select(n => (long)(n.At * Second))], [.. need.Select(n => n.Mib * Mib)], Linear: false));

    public static ReplayEngine Engine(long memory, ILaw law, double seconds, params VmPlan[] vms) =>
        new(memory * Mib, vms, law, Plain, (long)(seconds * Second), seed: 1);
}
