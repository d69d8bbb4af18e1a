using CsCheck;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>
/// The machine against a simulated device over random histories: it never asks for more than the target, never takes what the guest
/// needs, and arrives in the end when the guest obeys.
/// </summary>
public sealed class HotplugMachineProperties
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly MemorySize Base = MemorySize.FromMiB(256);
    private static readonly VmCapabilities Devices = new(Balloon: true, MemorySize.FromGiB(8), MemorySize.FromMiB(2), []);

    private abstract record Op
    {
        public sealed record Target(int Mib, bool Urgent) : Op;

        public sealed record Use(int Mib) : Op;

        public sealed record Time(int Milliseconds, int MovePerCent) : Op;

        public sealed record Repeat : Op;
    }

    private static readonly Gen<Op> Ops = Gen.Frequency(
        (2, Gen.Select(Gen.Int[64, 2048], Gen.Bool, (m, u) => (Op)new Op.Target(m * 2, u))),
        (2, Gen.Int[0, 1500].Select(m => (Op)new Op.Use(m))),
        (8, Gen.Select(Gen.Int[1, 1500], Gen.Int[0, 100], (t, p) => (Op)new Op.Time(t, p))),
        (1, Gen.Const((Op)new Op.Repeat())));

    [Fact]
    public void It_never_asks_for_more_than_the_target_nor_for_what_the_guest_needs() =>
        Ops.Array[1, 80].Sample(
            history =>
            {
                var guest = new Guest();
                foreach (var op in history)
                    guest.Do(op);
            },
            iter: 6_000);

    [Fact]
    public void It_arrives_when_the_guest_obeys() =>
        Gen.Select(Ops.Array[0, 40], Gen.Int[64, 2048]).Sample(
            (history, mib) =>
            {
                var guest = new Guest();
                foreach (var op in history)
                    guest.Do(op);
                guest.Do(new Op.Use(0));
                guest.Do(new Op.Target(mib * 2, false));
                for (var i = 0; i < 400; i++)
                    guest.Do(new Op.Time(500, 100));
                Assert.Equal(VmPhase.Settled, guest.State.Phase);
                Assert.True(Ladder.Distance(guest.Actual, MemorySize.FromMiB(mib * 2)) <= guest.State.Profile.Tolerance,
                    $"it stands at {guest.Actual}, told {MemorySize.FromMiB(mib * 2)}");
            },
            iter: 1_500);

    /// <summary>A device and a guest that move as the history says, never by themselves.</summary>
    private sealed class Guest
    {
        private static readonly MemorySize Kernel = MemorySize.FromMiB(30);
        private DateTimeOffset _now = Start;
        private VmSizes _sizes = new(Base, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        private MemorySize _used;
        private MemorySize _most = Base;

        public Guest()
        {
            State = new() { Profile = new(), StartedAt = Start };
            Feed(new VmCommand.Connect(Devices));
            Feed(new VmCommand.ObserveSizes(_sizes));
            Sample();
            Feed(new VmCommand.SetTarget(Base, MemorySize.FromGiB(4), false));
        }

        public VmMemory State { get; private set; }

        public MemorySize Actual => _sizes.Actual;

        private MemorySize Available => Actual.MinusOrZero(_used + Kernel);

        public void Do(Op op)
        {
            switch (op)
            {
                case Op.Target t:
                    // The most that was ever promised since the devices last stood still below it.
                    _most = MemorySize.Max(MemorySize.FromMiB(t.Mib), Actual);
                    Feed(new VmCommand.SetTarget(MemorySize.FromMiB(t.Mib), MemorySize.FromGiB(4), t.Urgent));
                    break;
                case Op.Use u:
                    _used = MemorySize.Min(MemorySize.FromMiB(u.Mib), Actual.MinusOrZero(Kernel));
                    Sample();
                    break;
                case Op.Time t:
                    _now += TimeSpan.FromMilliseconds(t.Milliseconds);
                    Move(t.MovePerCent);
                    Feed(new VmCommand.ObserveSizes(_sizes));
                    _now += TimeSpan.FromMilliseconds(1);
                    Sample();
                    Feed(new VmCommand.Look());
                    break;
                case Op.Repeat:
                    Feed(new VmCommand.ObserveSizes(_sizes));
                    Sample();
                    break;
            }
        }

        private void Sample() => Feed(new VmCommand.ObserveSample(new()
        {
            At = _now,
            Source = SampleSource.Agent,
            MemTotal = Actual,
            MemFree = Available,
            MemAvailable = Available,
        }));

        private void Feed(VmCommand command)
        {
            foreach (var e in HotplugMachine.Decide(State, command, _now))
            {
                State = HotplugMachine.Apply(State, e);
                switch (e)
                {
                    case VmEvent.PlugAsked ask:
                        Assert.True(ask.Plugged.Bytes % Devices.BlockSize.Bytes == 0, $"{ask.Plugged} is no whole block");
                        Assert.True(ask.Plugged >= _sizes.Plugged || _sizes.Plugged - ask.Plugged <= Available.MinusOrZero(State.Profile.Margin.Scale(0.5)) + Devices.BlockSize
                            || ask.Plugged == _sizes.PluggedTarget, $"{_sizes.Plugged.MinusOrZero(ask.Plugged)} taken of {Available}");
                        _sizes = _sizes with { PluggedTarget = ask.Plugged };
                        break;
                    case VmEvent.BalloonAsked ask:
                        _sizes = _sizes with { BalloonedTarget = ask.Ballooned };
                        break;
                }
            }

            var ceiling = (Base + MemorySize.Max(_sizes.Plugged, _sizes.PluggedTarget)).MinusOrZero(MemorySize.Min(_sizes.Ballooned, _sizes.BalloonedTarget));
            Assert.True(ceiling <= _most + Devices.BlockSize, $"told to become {ceiling}, promised {_most}");
            State = State with { Sizes = _sizes };
        }

        private void Move(int perCent)
        {
            var plugged = Toward(_sizes.Plugged, _sizes.PluggedTarget, perCent).RoundDown(Devices.BlockSize);
            var ballooned = Toward(_sizes.Ballooned, _sizes.BalloonedTarget, perCent);
            // It never gives what it uses.
            if (plugged < _sizes.Plugged)
                plugged = MemorySize.Max(plugged, _sizes.Plugged.MinusOrZero(Available).RoundUp(Devices.BlockSize));
            _sizes = _sizes with { Plugged = plugged };
            if (ballooned > _sizes.Ballooned)
                ballooned = MemorySize.Min(ballooned, _sizes.Ballooned + Available);
            _sizes = _sizes with { Ballooned = ballooned };
        }

        private static MemorySize Toward(MemorySize from, MemorySize to, int perCent) => new(from.Bytes + ((to.Bytes - from.Bytes) * perCent / 100));
    }
}
