using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>The simulated device and guest that the machine is checked against.</summary>
public sealed partial class HotplugMachineProperties
{
    private static readonly Moment Start = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly MemorySize Base = MemorySize.FromMiB(256);

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
