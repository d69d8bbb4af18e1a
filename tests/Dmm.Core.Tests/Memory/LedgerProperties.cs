using System.Collections.Immutable;
using CsCheck;
using Dmm.Core.Arbitration;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Memory;

/// <summary>
/// The invariant over random histories of a host: VMs come and go, are planned for, report late or only in part, and reservations are made and
/// ended. As long as the world does as DMM told it (late, in part, in any order), nothing breaks the invariant.
/// </summary>
public sealed class LedgerProperties
{
    private static readonly MemorySize Step = MemorySize.FromMiB(16);

    private abstract record Op
    {
        public sealed record Launch(int Vm, int Mib) : Op;

        public sealed record End(int Vm) : Op;

        public sealed record Plan(int[] WantMib, int KeptMib) : Op;

        /// <summary>The VM's devices move this far (per cent) towards what they were told, and it reports.</summary>
        public sealed record Move(int Vm, int PerCent) : Op;

        /// <summary>The VM's actor passes the promised target on to the devices.</summary>
        public sealed record Tell(int Vm) : Op;

        public sealed record Reserve(int Vm, int Mib) : Op;

        public sealed record Unreserve(int Vm) : Op;
    }

    private static readonly Gen<Op> Ops = Gen.Frequency(
        (2, Gen.Select(Gen.Int[0, 7], Gen.Int[64, 1024], (v, m) => (Op)new Op.Launch(v, m))),
        (1, Gen.Int[0, 7].Select(v => (Op)new Op.End(v))),
        (4, Gen.Select(Gen.Int[0, 2000].Array[8], Gen.Int[0, 500], (w, k) => (Op)new Op.Plan(w, k))),
        (6, Gen.Select(Gen.Int[0, 7], Gen.Int[0, 100], (v, p) => (Op)new Op.Move(v, p))),
        (5, Gen.Int[0, 7].Select(v => (Op)new Op.Tell(v))),
        (1, Gen.Select(Gen.Int[8, 11], Gen.Int[64, 1024], (v, m) => (Op)new Op.Reserve(v, m))),
        (1, Gen.Int[8, 11].Select(v => (Op)new Op.Unreserve(v))));

    [Fact]
    public void The_invariant_holds_after_every_step_of_every_history() =>
        Ops.Array[1, 120].Sample(
            history =>
            {
                var world = new World();
                foreach (var op in history)
                {
                    world.Do(op);
                    world.Check();
                }
            },
            iter: 6_000);

    [Fact]
    public void A_claim_is_never_below_what_the_vm_has()
    {
        var vm = VmId.Parse("a");
        var ledger = new Ledger(MemorySize.FromMiB(1000), MemorySize.Zero).TakeIn(vm, new(MemorySize.FromMiB(500), MemorySize.FromMiB(500), MemorySize.Zero));
        ledger = ledger.Grant(vm, MemorySize.FromMiB(200))!;
        Assert.Equal(MemorySize.FromMiB(500), ledger.Free);
        ledger = ledger.Observe(vm, MemorySize.FromMiB(200), MemorySize.Zero);
        Assert.Equal(MemorySize.FromMiB(800), ledger.Free);
    }

    [Fact]
    public void What_the_world_breaks_is_told_as_a_deficit_and_nothing_is_granted_meanwhile()
    {
        var (a, b) = (VmId.Parse("a"), VmId.Parse("b"));
        var size = MemorySize.FromMiB(400);
        var ledger = new Ledger(MemorySize.FromMiB(1000), MemorySize.FromMiB(100))
            .TakeIn(a, new(size, size, MemorySize.Zero)).TakeIn(b, new(size, size, MemorySize.Zero))
            .Observe(a, MemorySize.FromMiB(700), MemorySize.Zero);
        Assert.Equal(MemorySize.FromMiB(200), ledger.Deficit);
        Assert.Null(ledger.Grant(b, MemorySize.FromMiB(401)));
        Assert.Null(ledger.Reserve(VmId.Parse("c"), MemorySize.FromMiB(1)));
        Assert.NotNull(ledger.Grant(b, MemorySize.FromMiB(300)));
    }

    [Fact]
    public void A_reservation_becomes_a_claim_without_being_counted_twice()
    {
        var vm = VmId.Parse("new");
        var ledger = new Ledger(MemorySize.FromMiB(1000), MemorySize.Zero).Reserve(vm, MemorySize.FromMiB(900))!;
        ledger = ledger.Convert(vm, new(MemorySize.Zero, MemorySize.FromMiB(800), MemorySize.FromMiB(100)));
        Assert.Equal(MemorySize.FromMiB(100), ledger.Free);
        Assert.Equal(MemorySize.Zero, ledger.Reserved);
        Assert.Equal(MemorySize.FromMiB(1000), ledger.Release(vm).Free);
    }

    /// <summary>A host whose VMs obey, sooner or later: devices never go beyond what they were told.</summary>
    private sealed class World
    {
        private static readonly MemorySize Overhead = MemorySize.FromMiB(10);
        private static readonly VmPolicy Policy = new(MemorySize.FromMiB(64), MemorySize.FromMiB(2048));

        private readonly Dictionary<VmId, Promise> _promises = [];
        private readonly Dictionary<VmId, Standing> _standings = [];
        private readonly Dictionary<VmId, (MemorySize Actual, MemorySize Told, MemorySize Target)> _devices = [];
        private Ledger _ledger = new(MemorySize.FromMiB(3000), MemorySize.FromMiB(100));

        public void Do(Op op)
        {
            switch (op)
            {
                case Op.Launch l when !_promises.ContainsKey(Id(l.Vm)) && _ledger.Reserve(Id(l.Vm), MemorySize.FromMiB(l.Mib) + Overhead) is { } reserved:
                    var boot = MemorySize.FromMiB(l.Mib);
                    _ledger = reserved.Convert(Id(l.Vm), new(MemorySize.Zero, boot, Overhead));
                    _promises[Id(l.Vm)] = new(boot, boot);
                    _devices[Id(l.Vm)] = (boot, boot, boot);
                    break;
                case Op.End e when _promises.Remove(Id(e.Vm)):
                    _standings.Remove(Id(e.Vm));
                    _devices.Remove(Id(e.Vm));
                    _ledger = _ledger.Release(Id(e.Vm));
                    break;
                case Op.Plan p:
                    PlanFor(p);
                    break;
                case Op.Tell t when _devices.TryGetValue(Id(t.Vm), out var device):
                    _devices[Id(t.Vm)] = device with { Told = _promises[Id(t.Vm)].Target, Target = _promises[Id(t.Vm)].Target };
                    Report(Id(t.Vm));
                    break;
                case Op.Move m when _devices.TryGetValue(Id(m.Vm), out var device):
                    var moved = device.Actual.Bytes + ((device.Told.Bytes - device.Actual.Bytes) * m.PerCent / 100);
                    _devices[Id(m.Vm)] = device with { Actual = new(moved) };
                    Report(Id(m.Vm));
                    break;
                case Op.Reserve r:
                    _ledger = _ledger.Reserve(Id(r.Vm), MemorySize.FromMiB(r.Mib)) ?? _ledger;
                    break;
                case Op.Unreserve u:
                    _ledger = _ledger.EndReservation(Id(u.Vm));
                    break;
            }
        }

        public void Check()
        {
            Assert.True(_ledger.Deficit.IsZero, $"the ledger is short of {_ledger.Deficit}");
            var real = _ledger.HostReserve + _ledger.Reserved;
            foreach (var (vm, device) in _devices)
            {
                // The worst that can come of what the devices were told is covered, not only what the ledger believes.
                real += MemorySize.Max(device.Actual, device.Told) + Overhead;
                Assert.True(_ledger.Claims[vm].Size >= device.Actual + Overhead, $"the claim of {vm} is below what it has");
            }

            Assert.True(real <= _ledger.HostMemory, $"the host is overcommitted by {real.MinusOrZero(_ledger.HostMemory)}");
            Assert.Equal(_ledger.Claims.Values.Sum(c => c.Size.Bytes), _ledger.Claimed.Bytes);
            Assert.Equal(_ledger.Reservations.Values.Sum(r => r.Bytes), _ledger.Reserved.Bytes);
        }

        private void PlanFor(Op.Plan p)
        {
            var kept = MemorySize.FromMiB(p.KeptMib);
            var bids = _promises.Keys.Order().Select(vm =>
            {
                var held = _ledger.Claims[vm].Size - Overhead;
                var want = MemorySize.FromMiB(p.WantMib[Index(vm)]);
                return new Bid(vm, Policy.Min, Policy.Max, 1000, held, want, want, p.WantMib[Index(vm)] % 5 == 0, _standings.ContainsKey(vm));
            }).ToArray();
            var budget = _ledger.HostMemory.MinusOrZero(_ledger.HostReserve + _ledger.Reserved + kept).MinusOrZero(Overhead.Scale(bids.Length));
            var plan = Arbiter.Plan(bids, budget, MemorySize.FromMiB(50));
            var changes = Granting.Next(
                _ledger, _promises, _standings, plan, _promises.Keys.ToImmutableDictionary(vm => vm, _ => Policy), kept, Step);
            foreach (var change in changes)
            {
                _ledger = _ledger.Grant(change.Vm, change.Granted) ?? throw new InvalidOperationException($"the ledger refuses {change}");
                _promises[change.Vm] = new(change.Granted, change.Target);
                Assert.True(change.Target <= change.Granted);
            }
        }

        private void Report(VmId vm)
        {
            var device = _devices[vm];
            _standings[vm] = new(device.Actual, MemorySize.Max(device.Actual, device.Told), device.Target);
            _ledger = _ledger.Observe(vm, device.Actual, Overhead);
        }

        private static VmId Id(int vm) => VmId.Parse($"vm{vm}");

        private static int Index(VmId vm) => int.Parse(vm.Name[2..]);
    }
}
