using CsCheck;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>The random histories, and the mechanisms whose figures they use.</summary>
public sealed partial class HotplugMachineProperties
{
    /// <summary>Mechanisms as figures; the machine knows none of them by name.</summary>
    private static readonly Mechanism[] Mechanisms =
    [
        new("virtio-mem and a balloon", new(), new(Balloon: true, MemorySize.FromGiB(8), MemorySize.FromMiB(2), [])),
        new("three virtio-mem devices and a balloon", new(), new(Balloon: true, MemorySize.FromMiB(4864), MemorySize.FromMiB(2), []))
        {
            Parts = [MemorySize.FromMiB(256), MemorySize.FromMiB(512), MemorySize.FromMiB(4096)],
        },
        new("two virtio-mem devices alone", new() { Spark = MemorySize.Zero },
            new(Balloon: false, MemorySize.FromMiB(4864), MemorySize.FromMiB(4), []))
        {
            Parts = [MemorySize.FromMiB(768), MemorySize.FromMiB(4096)],
        },
        new("DIMMs and a balloon", new(),
            new(Balloon: true, MemorySize.FromGiB(8), MemorySize.FromMiB(512), []) { BalloonTakesPlugged = true }),
        new("DIMMs alone", new() { Spark = MemorySize.Zero }, new(Balloon: false, MemorySize.FromGiB(8), MemorySize.FromMiB(256), [])),
        new("a balloon alone", new(), new(Balloon: true, MemorySize.Zero, MemorySize.FromMiB(2), [])),
        new(
            "one target in pages, and a driver that gives up after 15 s",
            new()
            {
                PokeAfter = TimeSpan.FromSeconds(16), StuckAfter = TimeSpan.FromSeconds(20), SampleLatency = TimeSpan.FromMilliseconds(20),
                RetryMax = TimeSpan.FromSeconds(30), Tolerance = MemorySize.FromMiB(1), Spark = MemorySize.FromMiB(16),
                MetadataFloor = MemorySize.FromMiB(16),
            },
            new(Balloon: true, MemorySize.FromGiB(8), MemorySize.FromMiB(1), [])),
    ];

    private static readonly Gen<Mechanism> AnyMechanism = Gen.Int[0, Mechanisms.Length - 1].Select(i => Mechanisms[i]);

    private sealed record Mechanism(string Name, MechanismProfile Profile, VmCapabilities Devices)
    {
        /// <summary>The devices that make up its plugged memory.</summary>
        public MemorySize[] Parts { get; init; } = [Devices.PluggableMax];

        public override string ToString() => Name;
    }

    private abstract record Op
    {
        public sealed record Target(int Mib, bool Urgent) : Op;

        public sealed record Use(int Mib) : Op;

        public sealed record Time(int Milliseconds, int MovePerCent) : Op;

        /// <summary>The same facts come again.</summary>
        public sealed record Repeat : Op;

        /// <summary>The guest moves, but nobody hears of it.</summary>
        public sealed record Unheard(int Milliseconds, int MovePerCent) : Op;

        /// <summary>The next of the calls that wait is carried out; or it fails, and may have been carried out all the same.</summary>
        public sealed record Call(bool Fails, bool CarriedOut) : Op;

        /// <summary>The hypervisor refuses the next of the calls that wait.</summary>
        public sealed record Refuse : Op;

        /// <summary>The connection breaks, calls that wait are never made, and a new connection is made.</summary>
        public sealed record Reconnect : Op;

        /// <summary>The daemon dies; the next one knows only the promise and what it reads.</summary>
        public sealed record Crash : Op;
    }

    private static readonly (int Often, IGen<Op> Op)[] Kinds =
    [
        (2, Gen.Select(Gen.Int[64, 2048], Gen.Bool, (m, u) => (Op)new Op.Target(m * 2, u))),
        (2, Gen.Int[0, 1500].Select(m => (Op)new Op.Use(m))),
        (8, Gen.Select(Gen.Int[1, 1500], Gen.Int[0, 100], (t, p) => (Op)new Op.Time(t, p))),
        (3, Gen.Select(Gen.Int[1, 1500], Gen.Int[0, 100], (t, p) => (Op)new Op.Unheard(t, p))),
        (8, Gen.Select(Gen.Int[0, 9], Gen.Bool, (f, c) => (Op)new Op.Call(f == 0, c))),
        (1, Gen.Const((Op)new Op.Reconnect())),
        (1, Gen.Const((Op)new Op.Crash())),
        (1, Gen.Const((Op)new Op.Repeat())),
    ];

    /// <summary>The generator with which the kept seeds were found: another one would make other histories of them.</summary>
    private static readonly Gen<Op> Kept = Gen.Frequency(Kinds);

    private static readonly Gen<Op> Ops = Gen.Frequency([.. Kinds, (1, Gen.Const((Op)new Op.Refuse()))]);
}
