using CsCheck;
using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

/// <summary>
/// If more is wanted than there is, a law gives all memory to somebody, except what its own rule keeps free. Memory that a law leaves
/// over beyond that makes a peer look worse than it is, and a test of bounds alone does not see it. Tested over random guests: at their
/// min, at their max, alone, with equal shares, without any need.
/// </summary>
public sealed class NothingIsLeftOver
{
    private const long MiB = 1 << 20;
    private const long Cushion = 64 * MiB;
    private const long Unit = 1024 * MiB;

    /// <summary>
    /// The least and the most that may be free by each law's own rule (docs/develop/control-laws.md), once it has decided as often as it
    /// needs.
    /// </summary>
    private static readonly Dictionary<string, Func<World, (double Least, double Most)>> KeptFree = new()
    {
        // The cushion for urgent growth is free; fair shares move in whole steps of 16 MiB.
        ["dmm"] = static world => (0, (0.05 * world.Memory) + (world.Here * 16 * MiB)),
        // A later guest gets what is left.
        ["static"] = static _ => (0, 0),
        // A fifth of the host is free, within 10 MiB. If shares differ or guests stand at a bound, the law may stop short of that, or
        // oscillate for ever, as its original does with the same figures: by no more than 100 MiB per guest up, and down; if a guest is
        // full, by more (OneIsFull).
        ["proxmox"] = static world => Around(0.2 * world.Memory, (10 * MiB) + (200 * MiB * world.Here)),
        // If less than a fifth of the host is free, guests shrink, otherwise they grow, each by 5 % of its size.
        ["mom"] = static world => (0, (0.2 * world.Memory) + (0.05 * world.Held) + 1),
        ["squeezed"] = static world => (Cushion, Cushion + world.Here),
        ["hyperv"] = static world => (0, world.Here),
        ["esx"] = static world => ((0.06 * world.Memory) - 1, (0.06 * world.Memory) + world.Here + 1),
        // A growth is done wholly or not at all: what is left is less than the least growth of the guests that have to swap. They grow by
        // 20 % or 100 MiB, and 15 % and a bucket of 5 % above; no guest has less than 250 MiB.
        ["vpa"] = static world =>
            (0, world.Short.Select(guest => Math.Min(guest.Max - guest.Actual, Math.Max(250 * MiB, (0.45 * guest.Actual) + (125 * MiB))))
                .DefaultIfEmpty(world.Memory).Min()),
        // Memory moves in whole compute units.
        ["neon"] = static _ => (0, Unit),
    };

    private static (double Least, double Most) Around(double middle, double by) => (middle - by, middle + by);

    private static readonly Gen<LawGuest> Guest = Gen.Select(
        Gen.Int[1, 400],
        Gen.OneOf(Gen.Int[0, 4000], Gen.Const(0)),
        Gen.OneOf(Gen.Int[1, 3000], Gen.Const(1000)),
        Gen.OneOf(Gen.Double[0, 1], Gen.Const(0.0), Gen.Const(1.0)),
        Gen.OneOf(Gen.Double[0, 1.2], Gen.Const(0.0), Gen.Const(2.0)),
        (min, range, shares, at, use) => new LawGuest
        {
            Present = true,
            Min = min * MiB,
            Boot = (min + range) * MiB,
            Max = (min + range) * MiB,
            Shares = shares,
            Actual = (min * MiB) + (long)(range * at * MiB),
            Used = (long)((min + range) * use * MiB),
        });

    private static readonly Gen<(LawGuest[] Guests, double Tightness, double Cached)> Hosts = Gen.Select(
        Gen.OneOf(
            Guest.Array[2, 12], Guest.Array[1],
            Guest.Array[2, 12].Select(guests => guests.Select(guest => guest with { Shares = 1000 }).ToArray())),
        Gen.Double[0.01, 0.99],
        Gen.Double[0, 1],
        (guests, tightness, cached) => (guests, tightness, cached));

    public static TheoryData<string> Names => [.. LawCatalog.All.Select(law => law.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Where_more_is_wanted_than_there_is_all_is_given_but_for_what_the_rule_keeps_free(string name) =>
        Hosts.Sample(host => IsGiven(name, host), iter: name == "dmm" ? 20 : 60);

    [Theory]
    [MemberData(nameof(Names))]
    [Trait(Category.Name, Category.Long)]
    public void So_it_is_on_many_hosts(string name) => Hosts.Sample(host => IsGiven(name, host), iter: name == "dmm" ? 100 : 500);

    /// <summary>
    /// Found by chance, on about one host of 10,000. In the original's own loop a full guest counts with its shares, but can't use its
    /// part: the others are then at their part although much is left, or each round reverses the round before.
    /// </summary>
    [Fact]
    public void Proxmox_may_end_far_from_its_goal_where_a_guest_is_full() => Hosts.Sample(
        host =>
        {
            var world = new World(LawCatalog.Create("proxmox"), host.Guests, host.Tightness, host.Cached);
            world.Settle();
            Assert.True(world.IsContended && world.Free > KeptFree["proxmox"](world).Most, $"it is near its goal: {world}");
            Assert.True(world.OneIsFull(), $"nobody is full: {world}");
        },
        seed: "b5yaBBFy71F1",
        iter: 1);

    private static void IsGiven(string name, (LawGuest[] Guests, double Tightness, double Cached) host)
    {
        var world = new World(LawCatalog.Create(name), host.Guests, host.Tightness, host.Cached);
        if (!world.IsContended)
            return;
        world.Settle();
        var (least, most) = KeptFree[name](world);
        if (name == "proxmox" && world.Free > most && world.OneIsFull())
            return;
        Assert.True(
            world.Free >= Math.Min(least, world.Memory - world.Mins) && (world.Free <= most || world.NobodyCanGrow),
            $"{world.Free / (double)MiB:0.###} MiB are free, by its rule from {least / MiB:0.###} to {most / MiB:0.###}: {world}");
    }

    /// <summary>A host whose guests follow their targets at once, and have a constant need.</summary>
    private sealed class World
    {
        private readonly ILaw _law;
        private readonly LawGuest[] _guests;
        private readonly long[] _targets;
        private readonly double _cached;
        private TimeSpan _now;

        /// <param name="tightness">The position of the host's memory between the sum of mins and what guests need, 0 to 1.</param>
        /// <param name="cached">The fraction of idle memory that is cache.</param>
        public World(ILaw law, LawGuest[] guests, double tightness, double cached)
        {
            (_law, _cached) = (law, cached);
            _guests = [.. guests];
            Memory = Mins + (long)((Needs - Mins) * tightness);
            var fits = Math.Min(1, (Memory - Mins) / Math.Max(1.0, Held - Mins));
            for (var i = 0; i < _guests.Length; i++)
                _guests[i].Actual = _guests[i].Min + (long)((_guests[i].Actual - _guests[i].Min) * fits);
            _targets = [.. _guests.Select(guest => guest.Actual)];
            for (var i = 0; i < _guests.Length; i++)
                Use(i);
        }

        public long Memory { get; }

        public int Here => _guests.Length;

        public long Held => _guests.Sum(guest => guest.Actual);

        public long Free => Memory - Held;

        public long Mins => _guests.Sum(guest => guest.Min);

        /// <summary>The sum of what guests need, within their bounds.</summary>
        public long Needs => _guests.Sum(guest => Math.Clamp(guest.Used, guest.Min, guest.Max));

        public bool IsContended => Needs > Memory;

        public IEnumerable<LawGuest> Short => _guests.Where(guest => guest.Swapped > 0 && guest.Actual < guest.Max);

        public bool NobodyCanGrow => _guests.All(guest => guest.Actual >= guest.Max);

        /// <summary>Lets the law look until nothing moves any more.</summary>
        public void Settle()
        {
            var period = _law.Period > TimeSpan.Zero ? _law.Period : TimeSpan.FromSeconds(1);
            Look(LawEvents.Population);
            for (var look = 0; look < 1500; look++)
            {
                _now += period;
                Look(LawEvents.None);
            }
        }

        /// <summary>A guest stands at its max, now or at the next look.</summary>
        public bool OneIsFull()
        {
            bool IsFull() => _guests.Any(guest => guest.Actual == guest.Max);
            if (IsFull())
                return true;
            _now += _law.Period;
            Look(LawEvents.None);
            return IsFull();
        }

        public override string ToString() =>
            $"of {Memory / MiB} MiB; {string.Join("; ", _guests.Select((guest, i) => $"{guest.Actual / MiB} → {_targets[i] / MiB} "
            + $"of {guest.Min / MiB} to {guest.Max / MiB}, uses {guest.Used / MiB}, shares {guest.Shares}"))}";

        private void Look(LawEvents why)
        {
            _law.Decide(_now, why, new(Memory, Held), _guests, _targets);
            for (var i = 0; i < _guests.Length; i++)
            {
                Assert.InRange(_targets[i], _guests[i].Min, _guests[i].Max);
                if (_targets[i] < _guests[i].Actual)
                    Become(i, _targets[i]);
            }

            // Some laws do not check whether the host has what they promise.
            for (var i = 0; i < _guests.Length; i++)
                Become(i, Math.Min(_targets[i], _guests[i].Actual + Math.Max(0, Free)));
        }

        private void Become(int i, long size)
        {
            _guests[i].Actual = size;
            Use(i);
        }

        private void Use(int i)
        {
            ref var guest = ref _guests[i];
            guest.Swapped = Math.Max(0, guest.Used - guest.Actual);
            guest.Stalled = guest.Swapped > 0 ? 1 : 0;
            var idle = Math.Max(0, guest.Actual - guest.Used);
            guest.Cache = (long)(idle * _cached);
            guest.Free = idle - guest.Cache;
        }
    }
}
