using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>
/// One guest is hostile: its samples are any figures, its balloon shows any figure that QEMU would pass on, it floods the host with
/// reports and cries, takes at once whatever it has on lease, and gives memory or not as it likes. The host's machine plans for it and for
/// honest guests beside it.
/// <list type="bullet">
/// <item>Every other guest keeps, and gets, at least the smaller of what it needs and its fair share.</item>
/// <item>What all really hold fits the host, but for what the hostile guest takes back out of its balloon.</item>
/// <item>The hostile guest is promised no more than the largest of its own fair share, what it booted with or held when it began, and
/// what the others leave.</item>
/// </list>
/// A fair share is weighted max-min between min and need, where nobody is taken below what it holds and can't give, and the hostile
/// guest's shares count as often as a measured stall can make them count.
/// </summary>
public sealed class FairnessProperties
{
    private const string Liar = "liar";

    /// <summary>Shares are whole steps, a difference that is not worth a move stays, and needs are rounded up.</summary>
    private static readonly MemorySize Slack = MiB(32);

    /// <summary>What a shrink leaves its guest beyond what it uses.</summary>
    private static readonly MemorySize Margin = new HostSettings { Memory = MiB(1) }.GuestMargin;

    /// <summary>How long a guest that does not do as it is told is counted on, as the VMs' own machine has it, in beats.</summary>
    private const int Patience = 30;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_one_guest_says_every_other_keeps_what_it_needs_within_its_fair_share(long seed) => UntilOneBreaks(seed);

    internal static void UntilOneBreaks(long seed)
    {
        var chance = new SeededRandom((ulong)seed);
        for (var histories = 20; histories > 0; histories--)
            new History(chance.Split()).Live();
    }

    private sealed class Guest
    {
        public required string Name { get; init; }

        public required VmPolicy Policy { get; init; }

        /// <summary>What it holds at the beginning, which is what it booted with.</summary>
        public required MemorySize Began { get; init; }

        /// <summary>What it holds when the lies begin.</summary>
        public MemorySize Held { get; set; }

        /// <summary>What nobody can take from it: what it holds, and what QEMU lets it take back out of its balloon.</summary>
        public MemorySize Keeps => MemorySize.Max(Held, Began);

        /// <summary>The least that it has had since.</summary>
        public MemorySize Least { get; set; }

        public required MemorySize Need { get; set; }

        public required MemorySize Demand { get; set; }

        public MemorySize Has { get; set; }

        public MemorySize Used => MemorySize.Min(Need, Has);
    }

    private sealed class History
    {
        private readonly SeededRandom _chance;
        private readonly HostUnderTest _host;
        private readonly List<Guest> _honest = [];
        private readonly Guest _liar;
        private readonly MemorySize _memory;
        private readonly DemandModels _models = new(new());
        private readonly SampleBounds _bounds;
        private int _unmoved;
        private bool _cries;

        public History(SeededRandom chance)
        {
            _chance = chance;
            var most = MiB(16 * chance.Between(64, 192));
            _liar = New(Liar, most);
            for (var i = chance.Between(1, 5); i > 0; i--)
                _honest.Add(New($"honest-{i}", most));
            var held = _honest.Append(_liar).Aggregate(MemorySize.Zero, static (sum, guest) => sum + guest.Has);
            _memory = held + MiB(chance.OneIn(2) ? 0 : chance.Between(0, 1024));
            _bounds = new(most);
            _host = new(settings: new() { Memory = _memory, Cushion = _memory.Scale(chance.OneIn(2) ? 0 : 0.1) });
            var pid = 100;
            foreach (var guest in _honest.Append(_liar))
            {
                var handle = Handle(guest.Name, ++pid, owned: false, boot: guest.Began.Bytes >> 20);
                _host.Say(new HostProtocol.AdoptVm(handle, guest.Policy, guest.Began, MemorySize.Zero) { ReadAt = _host.Now.Now });
                _host.Say(new HostProtocol.SetPolicy(Id(guest.Name), null, null, guest.Policy.Shares));
                _host.Say(new VmProtocol.Started(Id(guest.Name)));
                Report(guest);
            }
        }

        /// <summary>What the hostile guest could have at most: its shares count as often as a measured stall can make them count.</summary>
        private MemorySize LiarsMost => MemorySize.Max(
            MemorySize.Max(_liar.Keeps, Fair(_liar, _liar.Policy.Max)),
            _memory.MinusOrZero(_honest.Aggregate(MemorySize.Zero, static (sum, guest) => sum + Least(guest.Demand, guest))));

        public void Live()
        {
            // Until the host has heard of all, nobody knows what to leave to whom.
            for (var beat = 0; beat < 5; beat++)
                Beat(null);
            foreach (var guest in _honest.Append(_liar))
            {
                guest.Held = MemorySize.Max(guest.Has, Promise(guest).Granted);
                // Others begin to need memory at the same moment: all ask for what is free.
                guest.Need = guest.Began.Scale(_chance.Between(30, 200) / 100.0);
                guest.Demand = guest.Need + MiB(_chance.Between(0, 200));
            }

            _liar.Least = _liar.Has;
            for (var beat = 0; beat < 160; beat++)
            {
                // For the last hundred beats its word is one and the same: what others shall get must have come by then.
                Beat(beat < 60 ? _chance.Split() : new SeededRandom(7));
                foreach (var guest in _honest)
                    Keeps(guest, beat < 159 ? MemorySize.Min(guest.Has, guest.Held) : guest.Policy.Max);
                var all = _honest.Append(_liar).Aggregate(MemorySize.Zero, static (sum, guest) => sum + guest.Has);
                _liar.Least = MemorySize.Min(_liar.Least, _liar.Has);
                var tookBack = MemorySize.Min(_liar.Has, _liar.Began).MinusOrZero(_liar.Least);
                Assert.True(all <= _memory + tookBack, $"they hold {all}; {this}");
                var promised = Promise(_liar).Granted + Promise(_liar).Lease;
                Assert.True(
                    promised <= LiarsMost + Slack,
                    $"the liar was promised {promised}; it held {_liar.Held}, its fair share is {Fair(_liar, _liar.Policy.Max)}, {this}");
            }
        }

        public override string ToString() => string.Join("; ", _honest.Append(_liar).Select(g =>
            $"{g.Name} {g.Policy} held {g.Held}, has {g.Has}, needs {g.Need}, wants {g.Demand}, {Promise(g)}")) + $" of {_memory}";

        private static MemorySize Least(MemorySize size, Guest guest) => size.Clamp(guest.Policy.Min, guest.Policy.Max);

        private Guest New(string name, MemorySize most)
        {
            var (min, has) = (MiB(64), MiB(16 * _chance.Between(8, 64)));
            var need = has.Scale(_chance.Between(30, 80) / 100.0);
            return new()
            {
                Name = name,
                Policy = new(min, most, 100 * _chance.Between(1, 20)),
                Began = has,
                Has = has,
                Need = need,
                Demand = need,
            };
        }

        private Core.Planning.Promise Promise(Guest guest) => _host.Host.State.Vms[Id(guest.Name)].Promise;

        /// <param name="most">No more than that is asked for here: what it held, as long as others may still have to give.</param>
        private void Keeps(Guest guest, MemorySize most)
        {
            var least = MemorySize.Min(most, MemorySize.Min(guest.Need, Fair(guest, guest.Need)));
            Assert.True(
                Promise(guest).Granted + Slack >= least,
                $"{guest.Name} was promised {Promise(guest).Granted}, and its fair share of what it needs is {least}; {this}");
        }

        /// <summary>A guest's weighted max-min fair share, by bisection of the level.</summary>
        /// <param name="most">The most that it wants.</param>
        private MemorySize Fair(Guest of, MemorySize most)
        {
            var (low, high) = (0.0, (double)_memory.Bytes);
            for (var i = 0; i < 80; i++)
            {
                var level = (low + high) / 2;
                var sum = _honest.Append(_liar).Aggregate(MemorySize.Zero, (all, guest) => all + At(level, guest));
                (low, high) = sum <= _memory ? (level, high) : (low, level);
            }

            return At(low, of);

            MemorySize At(double level, Guest guest)
            {
                var liar = guest == _liar;
                var weight = guest.Policy.Shares * (liar ? Core.Planning.Arbiter.DefaultUtilityWeight : 1);
                var floor = liar ? guest.Keeps : MemorySize.Min(guest.Held, (guest.Need + Margin).RoundUp(MiB(16)));
                var limit = MemorySize.Max(floor, liar ? guest.Policy.Max : guest == of ? most : Least(guest.Need, guest));
                return MemorySize.Min(limit, MemorySize.Max(floor, guest.Policy.Min + MemorySize.FromBytes(level * weight)));
            }
        }

        /// <param name="lie">Dice for what the hostile guest does; null: it says nothing yet.</param>
        private void Beat(SeededRandom? lie)
        {
            _host.Time += TimeSpan.FromSeconds(1);
            if (lie is not null)
                Lie(lie);
            foreach (var guest in _honest)
            {
                var target = _host.Host.Told.GetValueOrDefault(Id(guest.Name))?.Message.Target ?? guest.Has;
                guest.Has = target > guest.Has ? target : MemorySize.Max(target, MemorySize.Min(guest.Has, guest.Used));
                Report(guest);
            }

            _host.Say(new HostCommand.Beat());
            var forecasts = _honest.Select(
                guest => new Forecast(Id(guest.Name), guest.Need, guest.Demand, guest.Demand, false, _host.Now.Now)
                {
                    Need = guest.Need,
                    Used = guest.Used,
                });
            var word = _models.Current.Where(f => f.Vm == Id(Liar));
            _host.Say(new PredictorProtocol.Forecasts([.. forecasts, .. word], Tick: true));
            // At first all are heard in one plan: who asks for what nobody else needs yet gets it, and may keep it.
            _cries = lie is not null;
        }

        private void Lie(SeededRandom lie)
        {
            var told = Aim(_liar);
            // It takes what it is given; it gives when it likes, and QEMU lets it take back all that it booted with.
            var before = _liar.Has;
            _liar.Has = told > _liar.Has ? told : lie.OneIn(4) ? told : _liar.Has;
            _unmoved = told < _liar.Has && before == _liar.Has ? _unmoved + 1 : 0;
            for (var flood = lie.Between(1, 20); flood > 0; flood--)
            {
                Report(_liar, lie);
                var sample = _bounds.Bound(Sample(lie), TimeSpan.FromMilliseconds(50));
                var taken = _models.Take(Id(Liar), sample, Sizes(_liar), _host.Now.Wall, _liar.Policy.Max);
                if (_cries && lie.OneIn(2) && taken.Forecast is { } cry)
                    _host.Say(new PredictorProtocol.Forecasts([cry], Tick: false));
            }
        }

        /// <summary>What its agent said last; only that it has an agent matters here.</summary>
        private GuestSample Says(Guest guest) => new()
        {
            At = _host.Now.Now,
            Source = SampleSource.Agent,
            MemTotal = guest.Has,
            MemFree = guest.Has.MinusOrZero(guest.Used),
            MemAvailable = guest.Has.MinusOrZero(guest.Used),
        };

        private GuestSample Sample(SeededRandom lie)
        {
            MemorySize Any() => lie.Below(4) switch
            {
                0 => MemorySize.Zero,
                1 => _liar.Policy.Max,
                2 => MemorySize.FromBytes((long)(lie.Next() >> 1)),
                _ => _liar.Has.Scale(lie.Below(101) / 100.0),
            };
            long Count() => lie.Below(3) switch { 0 => (long)(lie.Next() >> 1), 1 => 0, _ => lie.Below(int.MaxValue) };
            return new()
            {
                At = _host.Now.Now,
                Source = SampleSource.Agent,
                MemTotal = Any(),
                MemFree = Any(),
                MemAvailable = Any(),
                Anonymous = Any(),
                ActiveFile = Any(),
                SwapTotal = Any(),
                SwapFree = Any(),
                Refaults = Count(),
                SwapIns = Count(),
                OomKills = Count(),
                StallSomeMicroseconds = Count(),
                StallFullMicroseconds = Count(),
                Reason = lie.OneIn(2) ? SampleReason.Stall : lie.OneIn(2) ? SampleReason.LowMemory : SampleReason.Periodic,
            };
        }

        /// <summary>What its devices are told: its target, and what the hostile guest has on lease, since it is always in need.</summary>
        private MemorySize Aim(Guest guest) => _host.Host.Told.GetValueOrDefault(Id(guest.Name))?.Message is not { } told ? guest.Has
            : guest == _liar ? told.Target + told.Lease
            : told.Target;

        /// <summary>
        /// What QEMU shows: plugged memory is the device's own, the balloon's figure is the guest's word within what it booted with.
        /// </summary>
        private VmSizes Sizes(Guest guest, SeededRandom? lie = null)
        {
            var told = Aim(guest);
            var ballooned = lie is null ? guest.Began.MinusOrZero(guest.Has) : guest.Began.Scale(lie.Below(101) / 100.0);
            return new(
                guest.Began, guest.Has.MinusOrZero(guest.Began), ballooned, told.MinusOrZero(guest.Began), guest.Began.MinusOrZero(told));
        }

        /// <summary>
        /// A report of a guest's actor: what was asked of its devices bounds what it can become, and its process is looked at.
        /// </summary>
        private void Report(Guest guest, SeededRandom? lie = null)
        {
            var (id, sizes) = (Id(guest.Name), Sizes(guest, lie));
            var told = _host.Host.Told.GetValueOrDefault(id);
            var phase = told is null || Aim(guest) == guest.Has ? VmPhase.Settled
                : guest == _liar && _unmoved > Patience ? VmPhase.Uncooperative
                : VmPhase.Shrinking;
            _host.Say(new VmProtocol.Report(id, phase, null, sizes, new(sizes.Actual, sizes.Ceiling, told?.Message.Target))
            {
                Heard = told?.Number ?? 0,
                Lease = told?.Message.Lease ?? MemorySize.Zero,
                Sample = Says(guest),
                Capabilities = new(true, MiB(8192), MiB(2), []),
                Resident = new(guest.Has, _host.Now.Now),
            });
        }
    }
}
