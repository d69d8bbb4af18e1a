using System.Collections.Immutable;
using CsCheck;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Memory;

/// <summary>
/// Guests claim that they gave memory, but their processes keep it: wholly, in part, for a while. The memory of all processes together
/// fits the host at every moment, in whatever order VMs report and the host is looked at.
/// </summary>
public sealed class KeptMemoryProperties
{
    private static readonly MemorySize Memory = MemorySize.FromMiB(3000);
    private static readonly MemorySize Reserve = MemorySize.FromMiB(100);
    private static readonly MemorySize Overhead = MemorySize.FromMiB(10);
    private static readonly VmPolicy Policy = new(MemorySize.FromMiB(64), MemorySize.FromMiB(2048));

    private abstract record Op
    {
        public sealed record Plan(int[] WantMib) : Op;

        /// <summary>The VM's devices become what it was told, and it reports that.</summary>
        public sealed record Obey(int Vm) : Op;

        /// <summary>From now on its process keeps this part of what its guest gives; 0: it gives back what it kept.</summary>
        public sealed record Keep(int Vm, int PerCent) : Op;

        public sealed record Look : Op;

        /// <summary>The daemon starts anew: it remembers promises, but not the memory of processes.</summary>
        public sealed record Crash : Op;
    }

    private static readonly Gen<Op[]> Histories = Gen.Frequency(
        (4, Gen.Int[0, 2000].Array[3].Select(w => (Op)new Op.Plan(w))),
        (6, Gen.Int[0, 2].Select(v => (Op)new Op.Obey(v))),
        (2, Gen.Select(Gen.Int[0, 2], Gen.Int[0, 2], (v, p) => (Op)new Op.Keep(v, p == 0 ? 0 : p == 1 ? 30 : 100))),
        (2, Gen.Const((Op)new Op.Look())),
        (1, Gen.Const((Op)new Op.Crash()))).Array[1, 80];

    [Fact]
    public void What_processes_hold_fits_the_host_whatever_their_guests_say() => Histories.Sample(Live, iter: 300);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void So_it_does_over_many_histories() => Histories.Sample(Live, iter: 3_000);

    private static void Live(Op[] history)
    {
        var world = new World();
        foreach (var op in history)
            world.Do(op);
    }

    private sealed class World
    {
        private static readonly VmId[] Vms = [VmId.Parse("a"), VmId.Parse("b"), VmId.Parse("c")];
        private readonly Dictionary<VmId, Promise> _promises = [];
        private readonly Dictionary<VmId, Confirmation> _standings = [];
        private readonly Dictionary<VmId, (MemorySize Actual, MemorySize Resident, int Keeps)> _real = [];
        private readonly HashSet<VmId> _heard = [];
        private Ledger _ledger = new(Memory, Reserve);

        public World()
        {
            var boot = MemorySize.FromMiB(900);
            foreach (var vm in Vms)
            {
                (_promises[vm], _real[vm]) = (new(boot, boot), (boot, boot + Overhead, 0));
                _ledger = _ledger.TakeIn(vm, new(boot, boot, Overhead));
                Report(vm);
            }
        }

        public void Do(Op op)
        {
            switch (op)
            {
                case Op.Plan plan:
                    Plan(plan);
                    break;
                case Op.Obey { Vm: var i }:
                    var (vm, was) = (Vms[i], _real[Vms[i]]);
                    var target = _promises[vm].Target;
                    var gives = was.Actual.MinusOrZero(target);
                    var resident = MemorySize.Max(was.Resident - gives.Scale((100 - was.Keeps) / 100.0), target + Overhead);
                    _real[vm] = was with { Actual = target, Resident = resident };
                    Report(vm);
                    break;
                case Op.Keep keep:
                    var (id, now) = (Vms[keep.Vm], _real[Vms[keep.Vm]]);
                    _real[id] = now with { Keeps = keep.PerCent, Resident = keep.PerCent == 0 ? now.Actual + Overhead : now.Resident };
                    break;
                case Op.Look:
                    Look();
                    break;
                case Op.Crash:
                    _ledger = new(Memory, Reserve);
                    _standings.Clear();
                    foreach (var (known, promise) in _promises)
                        _ledger = _ledger.TakeIn(known, new(MemorySize.Zero, promise.Granted, Overhead));
                    // Before the first look, nothing is promised.
                    Look();
                    break;
            }

            var held = _real.Values.Aggregate(Reserve, static (sum, vm) => sum + vm.Resident);
            Assert.True(
                held <= Memory,
                $"processes hold {held} of {Memory}: {string.Join("; ", _real)}; the ledger: {string.Join("; ", _ledger.Claims)}");
        }

        private void Look()
        {
            _ledger = _ledger.See(_real.ToDictionary(vm => vm.Key, vm => vm.Value.Resident), _heard);
            _heard.Clear();
        }

        private void Report(VmId vm)
        {
            var (actual, resident, _) = _real[vm];
            _standings[vm] = new(actual, actual, _promises[vm].Target);
            _ledger = _ledger.Observe(vm, actual, Overhead, resident, looks: true);
            _heard.Add(vm);
        }

        private void Plan(Op.Plan plan)
        {
            var bids = Vms.Select((vm, i) =>
            {
                var want = MemorySize.FromMiB(plan.WantMib[i]);
                var claim = _ledger.Claims[vm];
                return new Bid(
                    vm, Policy.Min, Policy.Max, 1000, MemorySize.Max(claim.Actual, claim.Granted), want, want, plan.WantMib[i] % 5 == 0,
                    true);
            }).ToArray();
            var budget = _ledger.Claims.Values.Aggregate(
                _ledger.HostMemory.MinusOrZero(_ledger.Fixed), static (left, claim) => left.MinusOrZero(claim.Beside));
            var allotments = Arbiter.Plan(bids, budget, MemorySize.Zero);
            var changes = Granting.Decide(
                _ledger, _promises, _standings, allotments, Vms.ToImmutableDictionary(vm => vm, _ => Policy), MemorySize.Zero,
                MemorySize.FromMiB(16)).Changes;
            foreach (var change in changes)
            {
                _ledger = _ledger.Grant(change.Vm, change.Granted) ?? throw new InvalidOperationException($"the ledger refuses {change}");
                _promises[change.Vm] = new(change.Granted, change.Target);
                if (_standings.TryGetValue(change.Vm, out var standing))
                    _standings[change.Vm] = standing.Unanswered();
            }
        }
    }

    [Fact]
    public void A_vm_whose_process_keeps_what_its_guest_gave_claims_it_until_it_is_back_and_may_grow_within_it()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var ledger = new Ledger(Memory, Reserve).TakeIn(a, new(mib(1000), mib(1000), mib(50)))
            .Observe(a, mib(1000), mib(50), mib(1045), looks: true);
        ledger = ledger.Observe(a, mib(300), mib(50), mib(1045), looks: true).Grant(a, mib(300))!;
        Assert.Equal((mib(1045), mib(695)), (ledger.Claims[a].Size, ledger.Claims[a].Kept));
        Assert.Equal(ledger.Free, ledger.Grant(a, mib(900))!.Free);
        Assert.StartsWith(
            "gives nothing back to the host: its process holds 695 MiB more", Keepers.Warning(ledger.Claims[a]), StringComparison.Ordinal);
        Assert.Contains(
            "the process of a holds 695 MiB more than it has", Deficits.Text(ledger.Follow(mib(1000)), Memory, null, _ => mib(50)),
            StringComparison.Ordinal);

        // Most of it comes back; the rest is within the tolerance.
        ledger = ledger.Observe(a, mib(300), mib(50), mib(360), looks: true);
        Assert.Equal((mib(360), MemorySize.Zero), (ledger.Claims[a].Size, ledger.Claims[a].Kept));
        Assert.Null(Keepers.Warning(ledger.Claims[a]));
    }

    [Fact]
    public void What_a_vm_says_that_nobody_can_look_at_counts_once_the_host_was_looked_at()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var ledger = new Ledger(Memory, Reserve).TakeIn(a, new(MemorySize.Zero, mib(1000), mib(50)))
            .Observe(a, mib(1000), mib(50), null, looks: true);
        ledger = ledger.Observe(a, mib(600), mib(50), null, looks: true).Observe(a, mib(300), mib(50), null, looks: true)
            .Grant(a, mib(300))!;
        Assert.Equal(mib(1050), ledger.Claims[a].Size);
        Assert.Equal(mib(350), ledger.See(ImmutableDictionary<VmId, MemorySize>.Empty, ImmutableHashSet<VmId>.Empty).Claims[a].Size);

        // If nobody looks at the host, there is no look to wait for.
        Assert.Equal(mib(350), new Ledger(Memory, Reserve).TakeIn(a, new(mib(1000), mib(300), mib(50)))
            .Observe(a, mib(300), mib(50), null, looks: false).Claims[a].Size);
    }

    [Fact]
    public void A_look_that_was_under_way_when_a_vm_gave_memory_does_not_make_it_a_keeper()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var ledger = new Ledger(Memory, Reserve).TakeIn(a, new(mib(1000), mib(1000), mib(50)))
            .Observe(a, mib(300), mib(50), mib(345), looks: true).Grant(a, mib(300))!;
        var before = new Dictionary<VmId, MemorySize> { [a] = mib(1045) };
        Assert.Equal(mib(350), ledger.See(before, new HashSet<VmId> { a }).Claims[a].Size);
        Assert.Equal(mib(1045), ledger.See(before, new HashSet<VmId>()).Claims[a].Size);
    }

    [Fact]
    public void Who_keeps_memory_is_named_when_it_has_lasted_and_once()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var calm = new Ledger(Memory, Reserve).TakeIn(a, new(mib(300), mib(300), mib(50)));
        var keeps = calm.Holds(a, mib(1045));
        var keepers = new Keepers();
        List<string> said = [];
        foreach (var ledger in (Ledger[])[keeps, keeps, calm, keeps, keeps, keeps, keeps, keeps, calm, calm])
        {
            (keepers, var began, var ended) = keepers.Look(ledger);
            said.Add($"{began.Length}{ended.Length}");
        }

        Assert.Equal(["00", "00", "00", "00", "00", "10", "00", "00", "01", "00"], said);
    }

    [Fact]
    public void All_mins_fit_together_and_who_gives_nothing_back_counts_with_what_it_holds()
    {
        var (a, b, mib) = (VmId.Parse("a"), VmId.Parse("b"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var policies = new Dictionary<VmId, VmPolicy> { [a] = Policy };
        var ledger = new Ledger(mib(1000), mib(100)).TakeIn(a, new(mib(500), mib(500), mib(36)));
        Assert.Equal(mib(800), Guarantees.Room(ledger, policies));
        Assert.Equal(MemorySize.Zero, Guarantees.Missing(ledger, policies, b, mib(780), mib(20)));
        Assert.Equal(mib(1), Guarantees.Missing(ledger, policies, b, mib(781), mib(20)));
        Assert.Equal(mib(36), Guarantees.Missing(ledger, policies, a, mib(900), MemorySize.Zero));
        Assert.Equal("", Guarantees.Keepers(ledger));

        ledger = ledger.Observe(a, mib(100), mib(36), mib(536), looks: true).Grant(a, mib(100))!;
        Assert.Equal(mib(364), Guarantees.Room(ledger, policies));
        Assert.Equal("; a holds 400 MiB that it gave and the host did not get back", Guarantees.Keepers(ledger));
    }
}
