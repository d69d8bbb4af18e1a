using CsCheck;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>
/// The machine against a simulated device over random histories: calls that wait or fail, facts that are lost, come twice or late, guests
/// that move part of the way or by themselves, connections that break. It never makes a VM larger than it was promised, never takes what
/// the guest needs, and reaches the target in the end if the guest obeys. A failure prints a seed and a shrunk history. Every history
/// uses the figures of one mechanism or another: the machine is the same for all.
/// </summary>
public sealed class HotplugMachineProperties
{
    private static readonly Moment Start = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly MemorySize Base = MemorySize.FromMiB(256);

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

    [Fact]
    public void It_never_asks_for_more_than_the_target_nor_for_what_the_guest_needs() => NeverAsksForMoreOver(600);

    [Fact]
    public void It_arrives_when_the_guest_obeys() => ArrivesOver(60);

    [Fact]
    public void It_comes_to_rest_though_devices_keep_some_for_ever() => RestsOver(60);

    /// <summary>
    /// Found by chance: the last two of three devices kept what they were asked to give back, the balloon held all that it can, and the
    /// first, which had enough, was never asked.
    /// </summary>
    [Fact]
    public void It_comes_to_rest_where_only_another_device_can_give_what_is_asked_back() => RestsOver(1, "a9KJSzvgc7Db");

    /// <summary>Found by chance: during the move one DIMM fewer was nearer to the same target, and then one more, without end.</summary>
    [Fact]
    public void It_arrives_between_two_DIMMs_though_each_answer_is_a_movement_late() => ArrivesOver(60, "8q44GvKSlL63");

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void Nor_does_it_over_many_histories() => NeverAsksForMoreOver(6_000);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void It_arrives_after_many_histories() => ArrivesOver(800);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void It_comes_to_rest_after_many_histories() => RestsOver(800);

    /// <summary>
    /// Checks that from two minutes after the last target on nothing is asked of the VM for a minute, or, if it still owes something, no
    /// more than a back-off's tries.
    /// </summary>
    private static void RestsOver(long histories, string? seed = null) =>
        Gen.Select(AnyMechanism, (seed is null ? Ops : Kept).Array[0, 40], Gen.Int[64, 2048], Gen.Int[0, 6].Array[3]).Sample(
            (mechanism, history, mib, keeps) =>
            {
                var guest = new Guest(mechanism) { Keeps = keeps };
                foreach (var op in history)
                    guest.Do(op);
                guest.Do(new Op.Use(0));
                guest.Do(new Op.Target(mib * 2, false));
                var asked = 0L;
                for (var i = 0; i < 360; i++)
                {
                    asked = i < 240 ? guest.Asks : asked;
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Time(500, 100));
                }

                var most = guest.State.Phase == VmPhase.Settled ? 0 : 4;
                Assert.True(
                    guest.Asks - asked <= most,
                    $"{guest.State.Phase} at {guest.Actual} of {guest.State.Target}, and asked {guest.Asks - asked} times in a "
                        + $"minute: {guest.State.Why}");
                if (mechanism.Devices.Balloon)
                    Assert.Equal(VmPhase.Settled, guest.State.Phase);
                Assert.True(
                    guest.State.Phase == VmPhase.Settled || guest.GivesNoMore,
                    $"{guest.State.Phase} at {guest.Actual} of {guest.State.Target}, though a device could give more");
            },
            seed: seed,
            iter: histories);

    private static void NeverAsksForMoreOver(long histories) =>
        Gen.Select(AnyMechanism, Ops.Array[1, 80]).Sample(
            (mechanism, history) =>
            {
                var guest = new Guest(mechanism);
                foreach (var op in history)
                    guest.Do(op);
            },
            iter: histories);

    private static void ArrivesOver(long histories, string? seed = null) =>
        Gen.Select(AnyMechanism, (seed is null ? Ops : Kept).Array[0, 40], Gen.Int[64, 2048]).Sample(
            (mechanism, history, mib) =>
            {
                var guest = new Guest(mechanism);
                foreach (var op in history)
                    guest.Do(op);
                guest.Do(new Op.Use(0));
                guest.Do(new Op.Target(mib * 2, false));
                for (var i = 0; i < 400; i++)
                {
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Time(500, 100));
                }

                Assert.Equal(VmPhase.Settled, guest.State.Phase);
                var reachable = Ladder.Reachable(guest.State, MemorySize.FromMiB(mib * 2));
                Assert.True(Ladder.Distance(guest.Actual, reachable) <= mechanism.Profile.Tolerance,
                    $"it stands at {guest.Actual}, told {reachable}");
            },
            seed: seed,
            iter: histories);

    /// <summary>A device and a guest that move as the history says, never by themselves; and the VM's actor.</summary>
    private sealed class Guest
    {
        private static readonly MemorySize Kernel = MemorySize.FromMiB(30);
        private readonly Queue<VmEvent> _calls = [];
        private Moment _now = Start;
        private VmSizes _sizes = new(Base, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        private MemorySize _used;
        private VmCommand.SetTarget _told = new(Base, MemorySize.FromGiB(4), false);

        /// <summary>The grant that a ledger would count for it: it comes down only when the VM confirms its target.</summary>
        private MemorySize _granted = Base;

        private readonly Mechanism _mechanism;
        private readonly HotplugDevice[] _parts;
        private readonly DeviceTurn _turn = new();

        /// <summary>The VM's current actor has told its balloon a size; nobody knows what the balloon was told before that.</summary>
        private bool _balloonTold;

        public Guest(Mechanism mechanism)
        {
            _mechanism = mechanism;
            _parts =
                [.. mechanism.Parts.Select(max => new HotplugDevice(MemorySize.Zero, MemorySize.Zero, max, mechanism.Devices.BlockSize))];
            State = Fresh();
            Connect();
        }

        public VmMemory State { get; private set; }

        /// <summary>The number of blocks that each device keeps for ever, once it has had them.</summary>
        public int[] Keeps { get; init; } = [0, 0, 0];

        /// <summary>The number of orders to its devices.</summary>
        public long Asks { get; private set; }

        public MemorySize Actual => _sizes.Actual;

        /// <summary>Each device is down to what it keeps for ever.</summary>
        public bool GivesNoMore => _parts.Select((part, i) => part.Size.Bytes <= part.Block.Bytes * Keeps[i]).All(kept => kept);

        /// <summary>The number of refusals in a row: waits that grow must not outlast the test.</summary>
        private int Refusals => Math.Max(State.BalloonRefusal?.Times ?? 0, State.PlugRefusal?.Times ?? 0);

        private bool Busy => _calls.Count > 0;

        private MemorySize Available => Actual.MinusOrZero(_used + Kernel);

        /// <summary>The most that it can become from what its devices were really told.</summary>
        private MemorySize Ceiling =>
            (Base + DeviceVector.Most(_parts)).MinusOrZero(MemorySize.Min(_sizes.Ballooned, _sizes.BalloonedTarget));

        /// <summary>The sizes as a driver reports them.</summary>
        private VmSizes Seen => _balloonTold ? _sizes : _sizes.WithBalloonUnsure();

        public void Do(Op op)
        {
            switch (op)
            {
                case Op.Target t:
                    _told = new(MemorySize.FromMiB(t.Mib), MemorySize.FromGiB(4), t.Urgent);
                    _granted = MemorySize.Max(_granted, _told.Target);
                    Feed(_told);
                    break;
                case Op.Use u:
                    _used = MemorySize.Min(MemorySize.FromMiB(u.Mib), Actual.MinusOrZero(Kernel));
                    Sample();
                    break;
                case Op.Time t:
                    Move(t.Milliseconds, t.MovePerCent);
                    Feed(new VmCommand.ObserveSizes(Seen));
                    _now += State.Profile.SampleLatency;
                    Sample();
                    Feed(new VmCommand.Look());
                    break;
                case Op.Unheard u:
                    Move(u.Milliseconds, u.MovePerCent);
                    break;
                case Op.Call c when Busy:
                    CarryOut(c);
                    break;
                case Op.Refuse when Busy && Refusals < 3:
                    var device = _calls.Dequeue() is VmEvent.BalloonAsked ? SizedDevice.Balloon : SizedDevice.Hotplug;
                    Feed(new VmCommand.ObserveSizes(Seen));
                    Feed(new VmCommand.TurnDown(device, "no"));
                    break;
                case Op.Reconnect:
                    _calls.Clear();
                    Feed(new VmCommand.Lose("the socket closed"));
                    Connect();
                    break;
                case Op.Crash:
                    _calls.Clear();
                    State = Fresh();
                    Connect();
                    break;
                case Op.Repeat:
                    Feed(new VmCommand.ObserveSizes(Seen));
                    Sample();
                    break;
            }

            Assert.True(Ceiling <= _granted, $"it can become {Ceiling}, promised {_granted}");
            // The VM confirms its target when no call is under way any more: memory above the ceiling is back, and promised to others.
            if (!Busy && State.Target == _told.Target && State.Sizes is not null && State.Phase != VmPhase.Lost)
                _granted = MemorySize.Max(_told.Target, MemorySize.Min(_granted, MemorySize.Max(State.Actual, State.Ceiling)));
        }

        private VmMemory Fresh() => new() { Profile = _mechanism.Profile };

        private VmCapabilities Devices => _mechanism.Devices;

        private void Connect()
        {
            _balloonTold = !Devices.Balloon;
            Feed(new VmCommand.ObserveSizes(Seen));
            Feed(_told);
            Feed(new VmCommand.Connect(Devices));
            Sample();
        }

        private void CarryOut(Op.Call call)
        {
            var ask = _calls.Dequeue();
            var device = ask is VmEvent.BalloonAsked ? SizedDevice.Balloon : SizedDevice.Hotplug;
            if (!call.Fails || call.CarriedOut)
            {
                switch (ask)
                {
                    case VmEvent.PlugAsked plug:
                        var told = _turn.Spread(_parts, plug.Plugged);
                        for (var i = 0; i < told.Length; i++)
                            _parts[i] = _parts[i] with { Requested = told[i] };
                        _sizes = _sizes.Of(_parts);
                        break;
                    case VmEvent.BalloonAsked balloon:
                        _sizes = _sizes with { BalloonedTarget = balloon.Ballooned };
                        _balloonTold = true;
                        break;
                }
            }

            if (call.Fails)
            {
                // The VM's actor starts anew.
                _calls.Clear();
                State = Fresh();
                Connect();
                return;
            }

            Feed(new VmCommand.ObserveSizes(Seen));
            Feed(new VmCommand.Carried(device));
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
            foreach (var e in HotplugMachine.Decide(State with { Busy = Busy }, command, _now))
            {
                State = HotplugMachine.Apply(State, e);
                switch (e)
                {
                    case VmEvent.PlugAsked ask:
                        Assert.True(ask.Plugged.Bytes % Devices.BlockSize.Bytes == 0, $"{ask.Plugged} is no whole block");
                        if (State.Available == Available && State.Sizes!.Plugged == _sizes.Plugged)
                        {
                            Assert.True(ask.Plugged >= _sizes.Plugged
                                || _sizes.Plugged - ask.Plugged <= Available.MinusOrZero(State.Profile.Margin.Scale(0.5))
                                + Devices.BlockSize
                                || ask.Plugged == _sizes.PluggedTarget, $"{_sizes.Plugged.MinusOrZero(ask.Plugged)} taken of {Available}");
                        }

                        Asks++;
                        _calls.Enqueue(e);
                        break;
                    case VmEvent.BalloonAsked:
                        Asks++;
                        _calls.Enqueue(e);
                        break;
                }
            }
        }

        private void Move(int milliseconds, int perCent)
        {
            _now += TimeSpan.FromMilliseconds(milliseconds);
            for (var i = 0; i < _parts.Length; i++)
            {
                var size = Toward(_parts[i].Size, _parts[i].Requested, perCent).RoundDown(Devices.BlockSize);
                // The guest never gives memory that it uses.
                if (size < _parts[i].Size)
                    size = MemorySize.Max(size, Least(i).RoundUp(Devices.BlockSize));
                _parts[i] = _parts[i] with { Size = size };
                _sizes = _sizes.Of(_parts);
            }

            var ballooned = Toward(_sizes.Ballooned, _sizes.BalloonedTarget, perCent);
            if (ballooned > _sizes.Ballooned)
                ballooned = MemorySize.Min(ballooned, _sizes.Ballooned + Available);
            _sizes = _sizes with { Ballooned = ballooned };
        }

        /// <summary>The size down to which the guest gives of this device at once.</summary>
        private MemorySize Least(int device)
        {
            var (size, kept) = (_parts[device].Size, new MemorySize(Devices.BlockSize.Bytes * Keeps[device]));
            return MemorySize.Max(size.MinusOrZero(Available), MemorySize.Min(size, kept));
        }

        private static MemorySize Toward(MemorySize from, MemorySize to, int perCent) =>
            new(from.Bytes + ((to.Bytes - from.Bytes) * perCent / 100));
    }
}
