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

        /// <summary>The VM's devices become what it was told, and it reports that; the report is under way.</summary>
        public sealed record Obey(int Vm) : Op;

        /// <summary>From now on its process keeps this part of what its guest gives; 0: it gives back what it kept.</summary>
        public sealed record Keep(int Vm, int PerCent) : Op;

        /// <summary>The host is looked at; what is seen is under way.</summary>
        public sealed record Look : Op;

        /// <summary>The oldest look that is under way comes.</summary>
        public sealed record LookComes : Op;

        /// <summary>The VM's oldest report that is under way comes.</summary>
        public sealed record ReportComes(int Vm) : Op;

        /// <summary>The daemon starts anew: it remembers promises, but not the memory of processes.</summary>
        public sealed record Crash : Op;
    }

    private static readonly Gen<Op[]> Histories = Gen.Frequency(
        (4, Gen.Int[0, 2000].Array[3].Select(w => (Op)new Op.Plan(w))),
        (6, Gen.Int[0, 2].Select(v => (Op)new Op.Obey(v))),
        (2, Gen.Select(Gen.Int[0, 2], Gen.Int[0, 2], (v, p) => (Op)new Op.Keep(v, p == 0 ? 0 : p == 1 ? 30 : 100))),
        (2, Gen.Const((Op)new Op.Look())),
        (2, Gen.Const((Op)new Op.LookComes())),
        (6, Gen.Int[0, 2].Select(v => (Op)new Op.ReportComes(v))),
        (1, Gen.Const((Op)new Op.Crash()))).Array[1, 120];

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
        private readonly Queue<(Dictionary<VmId, HeldMemory> Seen, Moment Began)> _looks = [];
        private readonly Dictionary<VmId, Queue<(MemorySize Actual, HeldMemory Read, int Heard)>> _reports =
            Vms.ToDictionary(vm => vm, _ => new Queue<(MemorySize, HeldMemory, int)>());
        private readonly Dictionary<VmId, int> _told = Vms.ToDictionary(vm => vm, _ => 0);
        private Moment _now = Moment.Origin;
        private Ledger _ledger = new(Memory, Reserve);

        public World()
        {
            var boot = MemorySize.FromMiB(900);
            foreach (var vm in Vms)
            {
                (_promises[vm], _real[vm]) = (new(boot, boot), (boot, boot + Overhead, 0));
                _ledger = _ledger.TakeIn(vm, new(boot, boot, Overhead));
                Report(vm);
                ReportComes(vm);
            }
        }

        public void Do(Op op)
        {
            _now += TimeSpan.FromSeconds(1);
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
                case Op.LookComes when _looks.Count > 0:
                    LookComes();
                    break;
                case Op.ReportComes { Vm: var of }:
                    ReportComes(Vms[of]);
                    break;
                case Op.Crash:
                    _ledger = new(Memory, Reserve);
                    _standings.Clear();
                    _looks.Clear();
                    foreach (var reports in _reports.Values)
                        reports.Clear();
                    foreach (var (known, promise) in _promises)
                        _ledger = _ledger.TakeIn(known, new(MemorySize.Zero, promise.Granted, Overhead));
                    // Before the first look, nothing is promised.
                    Look();
                    LookComes();
                    break;
            }

            var held = _real.Values.Aggregate(Reserve, static (sum, vm) => sum + vm.Resident);
            Assert.True(
                held <= Memory,
                $"processes hold {held} of {Memory}: {string.Join("; ", _real)}; the ledger: {string.Join("; ", _ledger.Claims)}");
        }

        private void Look() => _looks.Enqueue((_real.ToDictionary(vm => vm.Key, vm => new HeldMemory(vm.Value.Resident, _now)), _now));

        private void LookComes()
        {
            var (seen, began) = _looks.Dequeue();
            _ledger = _ledger.See(seen, began);
        }

        private void Report(VmId vm)
        {
            var (actual, resident, _) = _real[vm];
            _reports[vm].Enqueue((actual, new(resident, _now), _told[vm]));
        }

        private void ReportComes(VmId vm)
        {
            if (!_reports[vm].TryDequeue(out var report))
                return;
            // A report that has not heard of the last target answers for none.
            _standings[vm] = new(report.Actual, report.Actual, report.Heard == _told[vm] ? _promises[vm].Target : null);
            _ledger = _ledger.Observe(vm, report.Actual, Overhead, report.Read, _now);
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
                _told[change.Vm]++;
                if (_standings.TryGetValue(change.Vm, out var standing))
                    _standings[change.Vm] = standing.Unanswered();
            }
        }
    }

    private static Moment At(int second) => Moment.Origin + TimeSpan.FromSeconds(second);

    private static HeldMemory Read(long mib, int second) => new(MemorySize.FromMiB(mib), At(second));

    [Fact]
    public void A_vm_whose_process_keeps_what_its_guest_gave_claims_it_until_it_is_back_and_may_grow_within_it()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var ledger = new Ledger(Memory, Reserve).TakeIn(a, new(mib(1000), mib(1000), mib(50)))
            .Observe(a, mib(1000), mib(50), Read(1045, 1), At(1));
        ledger = ledger.Observe(a, mib(300), mib(50), Read(1045, 2), At(2)).Grant(a, mib(300))!;
        Assert.Equal((mib(1045), mib(695)), (ledger.Claims[a].Size, ledger.Claims[a].Kept));
        Assert.Equal(ledger.Free, ledger.Grant(a, mib(900))!.Free);
        Assert.StartsWith(
            "gives nothing back to the host: its process holds 695 MiB more", Keepers.Warning(ledger.Claims[a]), StringComparison.Ordinal);
        Assert.Contains(
            "the process of a holds 695 MiB more than it has", Deficits.Text(ledger.Follow(mib(1000)), Memory, null, _ => mib(50)),
            StringComparison.Ordinal);

        // Most of it comes back; the rest is within the tolerance.
        ledger = ledger.Observe(a, mib(300), mib(50), Read(360, 3), At(3));
        Assert.Equal((mib(360), MemorySize.Zero), (ledger.Claims[a].Size, ledger.Claims[a].Kept));
        Assert.Null(Keepers.Warning(ledger.Claims[a]));
    }

    [Fact]
    public void What_a_vm_says_that_nobody_can_look_at_counts_once_the_host_was_looked_at()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var ledger = new Ledger(Memory, Reserve).TakeIn(a, new(MemorySize.Zero, mib(1000), mib(50)))
            .Observe(a, mib(1000), mib(50), null, At(1));
        ledger = ledger.Observe(a, mib(600), mib(50), null, At(2)).Observe(a, mib(300), mib(50), null, At(4))
            .Grant(a, mib(300))!;
        Assert.Equal(mib(1050), ledger.Claims[a].Size);
        var nobody = new Dictionary<VmId, HeldMemory>();
        Assert.Equal(mib(1050), ledger.See(nobody, At(3)).Claims[a].Size);
        Assert.Equal(mib(350), ledger.See(nobody, At(5)).Claims[a].Size);

        // If nobody looks at the host, there is no look to wait for.
        Assert.Equal(mib(350), new Ledger(Memory, Reserve).TakeIn(a, new(mib(1000), mib(300), mib(50)))
            .Observe(a, mib(300), mib(50), null, null).Claims[a].Size);
    }

    /// <summary>A look at the host and the VM's own report may come in either order, late or not.</summary>
    [Fact]
    public void Of_two_readings_of_a_process_the_later_one_counts_whichever_comes_first()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var ledger = new Ledger(Memory, Reserve).TakeIn(a, new(mib(300), mib(300), mib(50)));
        HeldMemory older = Read(1045, 1), newer = Read(500, 2);
        Ledger Look(Ledger book, HeldMemory read) => book.See(new Dictionary<VmId, HeldMemory> { [a] = read }, read.At);
        Ledger Report(Ledger book, HeldMemory read) => book.Observe(a, mib(300), mib(50), read, At(3));

        Ledger[] books =
        [
            Look(Report(ledger, older), newer), Report(Look(ledger, newer), older), Look(Report(ledger, newer), older),
            Report(Look(ledger, older), newer), Look(ledger, newer).Holds(a, older),
        ];

        Assert.All(books, book => Assert.Equal(mib(500), book.Claims[a].Size));
        // Nobody knows which of two that were read at once is right.
        Assert.Equal(mib(1045), Look(Report(ledger, newer), Read(1045, 2)).Claims[a].Size);
    }

    [Fact]
    public void Who_keeps_memory_is_named_when_it_has_lasted_and_once()
    {
        var (a, mib) = (VmId.Parse("a"), (Func<long, MemorySize>)MemorySize.FromMiB);
        var calm = new Ledger(Memory, Reserve).TakeIn(a, new(mib(300), mib(300), mib(50)));
        var keeps = calm.Holds(a, Read(1045, 1));
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

        ledger = ledger.Observe(a, mib(100), mib(36), Read(536, 1), At(1)).Grant(a, mib(100))!;
        Assert.Equal(mib(364), Guarantees.Room(ledger, policies));
        Assert.Equal("; a holds 400 MiB that it gave and the host did not get back", Guarantees.Keepers(ledger));
    }
}
