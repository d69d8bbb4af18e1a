using System.Collections.Immutable;
using CsCheck;
using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Admission.Requests;

namespace Dmm.Core.Tests.Admission;

/// <summary>
/// Random streams of requests to a host whose guests give at once, slowly, not at all, or claim to spare memory that they don't give. In
/// every case guarantees fit together, nothing is reserved beyond what is free or twice, no peer is asked to go below its min, no request
/// overtakes an earlier one with memory gathered for that one, and once the world behaves every request comes to an end.
/// </summary>
public sealed class AdmissionProperties
{
    private enum Temper
    {
        Ideal,
        Slow,
        Stuck,

        /// <summary>The guest says that it can spare everything, and gives nothing.</summary>
        Lies,
    }

    private abstract record Op
    {
        public sealed record Ask(int BootMib, int MinMib, int Priority, bool Early, int Seconds) : Op;

        public sealed record Cancel(int Nth) : Op;

        public sealed record Need(int Vm, int Mib) : Op;

        public sealed record Become(int Vm, Temper Temper) : Op;

        public sealed record End(int Vm) : Op;

        public sealed record LaunchEnds(bool Fails) : Op;

        public sealed record Pass(int Tenths) : Op;
    }

    private static readonly Gen<Op> Ops = Gen.Frequency(
        (4, Gen.Select(
            Gen.Int[128, 1500], Gen.Int[64, 600], Gen.Int[0, 3], Gen.Bool, Gen.Int[1, 90], (boot, min, priority, early, seconds) =>
            (Op)new Op.Ask(Math.Max(boot, min), min, priority, early, seconds))),
        (1, Gen.Int[0, 9].Select(n => (Op)new Op.Cancel(n))),
        (3, Gen.Select(Gen.Int[0, 9], Gen.Int[32, 1500], (vm, mib) => (Op)new Op.Need(vm, mib))),
        (2, Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3], (vm, temper) => (Op)new Op.Become(vm, (Temper)temper))),
        (1, Gen.Int[0, 9].Select(vm => (Op)new Op.End(vm))),
        (3, Gen.Int[0, 4].Select(n => (Op)new Op.LaunchEnds(n == 0))),
        (8, Gen.Int[1, 30].Select(tenths => (Op)new Op.Pass(tenths))));

    [Fact]
    public void No_guarantee_is_broken_nothing_leaks_and_every_request_ends() => HoldsOver(80);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void None_is_over_many_histories() => HoldsOver(2_000);

    private static void HoldsOver(long histories) => Ops.Array[1, 80].Sample(
        history =>
        {
            var world = new World();
            foreach (var op in history)
            {
                world.Do(op);
                world.Work();
            }

            world.BehaveUntilAllHaveEnded();
        },
        iter: histories);

    private sealed class World
    {
        private static readonly MemorySize Overhead = MiB(32);

        private readonly SortedDictionary<VmId, Guest> _guests = [];
        private readonly Dictionary<VmId, AdmissionRecord> _admissions = [];
        private Ledger _ledger = new(MiB(6000), MiB(100));
        private Moment _now = Noon;
        private int _asked;
        private int _ended;

        public World()
        {
            for (var i = 0; i < 4; i++)
                Add(VmId.Parse($"old{i}"), MiB(1200), MiB(256));
        }

        public void Do(Op op)
        {
            switch (op)
            {
                case Op.Ask ask:
                    Ask(ask);
                    break;
                case Op.Cancel cancel when _admissions.Count > 0:
                    End(_admissions.Keys.Order().ElementAt(cancel.Nth % _admissions.Count), AdmissionStep.Cancel);
                    break;
                case Op.Need need when Nth(need.Vm) is { } guest:
                    guest.Used = MemorySize.Min(MiB(need.Mib), guest.Held);
                    break;
                case Op.Become become when Nth(become.Vm) is { } guest:
                    guest.Temper = become.Temper;
                    break;
                case Op.End end when _guests.Count > 1 && Nth(end.Vm) is { } guest:
                    _guests.Remove(guest.Id);
                    _ledger = _ledger.Release(guest.Id);
                    break;
                case Op.LaunchEnds ends when _admissions.Values.OrderBy(a => a.Number)
                    .FirstOrDefault(a => a.State == AdmissionState.Launching) is { } launching:
                    LaunchEnds(launching, ends.Fails);
                    break;
                case Op.Pass pass:
                    for (var i = 0; i < pass.Tenths; i++)
                        Pass();
                    break;
            }

            Check();
        }

        /// <summary>Works off the queue as far as possible now. It must come to rest.</summary>
        public void Work()
        {
            for (var steps = 0; Line().Next(_now) is { } move; steps++)
            {
                Assert.True(steps < 200, $"the queue never comes to rest: {move}");
                Take(move);
                Check();
            }
        }

        public void BehaveUntilAllHaveEnded()
        {
            foreach (var guest in _guests.Values)
                (guest.Temper, guest.Used) = (Temper.Ideal, MemorySize.Min(guest.Used, MiB(64)));
            for (var i = 0; i < 1_200 && _admissions.Count > 0; i++)
            {
                Work();
                foreach (var launching in _admissions.Values.Where(a => a.State == AdmissionState.Launching).ToList())
                    LaunchEnds(launching, fails: false);
                Pass();
                Check();
            }

            Assert.Empty(_admissions);
            Assert.Equal(_asked, _ended);
            Assert.True(_ledger.Reserved.IsZero);
        }

        private void Ask(Op.Ask ask)
        {
            var id = VmId.Parse($"vm{_asked:000}");
            var spec = new VmSpec
            {
                Id = id,
                Policy = new(MiB(ask.MinMib), MiB(4000)),
                Boot = MiB(ask.BootMib),
                Priority = ask.Priority,
                BootPolicy = ask.Early ? BootPolicy.Early : BootPolicy.Full,
            };
            if (AdmissionRules.Never(spec, Overhead, MemorySize.Zero, Room(), MemorySize.Zero) is not null)
                return;
            _admissions[id] = new(spec, Overhead, _now, _now + TimeSpan.FromSeconds(ask.Seconds), null) { Number = ++_asked };
        }

        private void Take(QueueMove move)
        {
            var admission = _admissions[move.Vm];
            switch (move)
            {
                case QueueMove.Plan plan:
                    foreach (var part in plan.Room.From)
                    {
                        var guest = _guests[part.Vm];
                        Assert.True(part.To >= guest.Min, $"{part} is asked below its min {guest.Min}");
                        Assert.True(guest.Temper != Temper.Stuck, $"{part.Vm} is stuck and counted on");
                    }

                    // It is this request's turn: all before it are planned or provided for.
                    Assert.All(
                        AdmissionLine.InOrder(_admissions.Values).TakeWhile(a => a != admission),
                        a => Assert.NotEqual(AdmissionState.Requested, a.State));
                    _admissions[move.Vm] = admission.Planned(plan.Room, true, _now);
                    break;
                case QueueMove.Wait wait:
                    _admissions[move.Vm] = admission.Waits(wait.Cause, wait.Why, _now);
                    break;
                case QueueMove.Reserve reserve:
                    Assert.True(reserve.Boot >= admission.Spec.Policy.Min && reserve.Boot <= admission.Spec.Boot);
                    Assert.True(admission.Spec.BootPolicy == BootPolicy.Early || reserve.Boot == admission.Spec.Boot);
                    Passes(admission, reserve.Size);
                    _admissions[move.Vm] = admission.SetAside(reserve.Boot, reserve.Size, _now);
                    _ledger = _ledger.Reserve(move.Vm, reserve.Size)
                        ?? throw new InvalidOperationException($"{move} is beyond what is free, {_ledger.Free}");
                    break;
                case QueueMove.Launch:
                    _admissions[move.Vm] = admission.LaunchBegun(_now);
                    break;
            }
        }

        /// <summary>
        /// A request may overtake others only with memory that leaves them what they have gathered and are still to get; and it may never
        /// overtake one that waits.
        /// </summary>
        private void Passes(AdmissionRecord passing, MemorySize size)
        {
            var left = _ledger.Free - size;
            foreach (var first in AdmissionLine.InOrder(_admissions.Values).TakeWhile(a => a != passing).Where(a => a.State.Seeks()))
            {
                var plan = first.Plan ?? throw new Xunit.Sdk.XunitException($"{passing.Spec.Id} passes {first.Spec.Id}, which waits");
                var owed = plan.From.Where(p => _guests.ContainsKey(p.Vm))
                    .Aggregate(MemorySize.Zero, (sum, p) => sum + p.Outstanding(_guests[p.Vm].Held));
                Assert.True(
                    left + owed >= plan.For,
                    $"{passing.Spec.Id} takes {size} and leaves {first.Spec.Id} {left} and {owed} to come "
                    + $"of the {plan.For} that it gathers");
                left = left.MinusOrZero(plan.For.MinusOrZero(owed));
            }
        }

        private void Pass()
        {
            _now = _now + TimeSpan.FromSeconds(0.1);
            foreach (var late in _admissions.Values.Where(a => a.Deadline <= _now
                && AdmissionLife.After(a.State, AdmissionStep.Expire) is not null).ToList())
                End(late.Spec.Id, AdmissionStep.Expire);
            foreach (var guest in _guests.Values)
            {
                var goal = _admissions.Values.SelectMany(a => a.Plan?.From ?? ImmutableArray<Contribution>.Empty)
                    .Where(p => p.Vm == guest.Id).Select(p => p.To).DefaultIfEmpty(guest.Held).Min();
                guest.Move(goal, _now);
                _ledger = _ledger.Grant(guest.Id, guest.Held)!.Observe(guest.Id, guest.Held, Overhead);
            }
        }

        private void LaunchEnds(AdmissionRecord launching, bool fails)
        {
            if (fails)
            {
                End(launching.Spec.Id, AdmissionStep.Fail);
                return;
            }

            _admissions.Remove(launching.Spec.Id);
            _ended++;
            var boot = launching.Boot!.Value;
            _ledger = _ledger.Convert(launching.Spec.Id, new(boot, boot, Overhead));
            _guests[launching.Spec.Id] = new(launching.Spec.Id, boot, launching.Spec.Policy.Min);
        }

        private void End(VmId id, AdmissionStep how)
        {
            if (AdmissionLife.After(_admissions[id].State, how) is null)
                return;
            _admissions.Remove(id);
            _ended++;
            _ledger = _ledger.EndReservation(id);
        }

        private void Check()
        {
            Assert.True(_ledger.Deficit.IsZero);
            Assert.All(
                _guests.Values, guest => Assert.True(guest.Held >= guest.Min, $"{guest.Id} has {guest.Held}, its min is {guest.Min}"));
            var mins = _guests.Values.Aggregate(_ledger.HostReserve, (sum, guest) => sum + guest.Min + Overhead)
                + _admissions.Values.Where(a => a.Reserved is not null)
                .Aggregate(MemorySize.Zero, static (sum, a) => sum + a.Spec.Policy.Min + a.Overhead);
            Assert.True(mins <= _ledger.HostMemory, $"guarantees of {mins} on a host of {_ledger.HostMemory}");
            Assert.Equal(_admissions.Values.Where(a => a.Reserved is not null).Select(a => a.Spec.Id).Order(), _ledger.Reservations.Keys);
            Assert.All(_admissions.Values.Where(a => a.Reserved is not null),
                a => Assert.Equal(a.Reserved, _ledger.Reservations[a.Spec.Id]));
        }

        private void Add(VmId id, MemorySize held, MemorySize min)
        {
            _guests[id] = new(id, held, min);
            _ledger = _ledger.TakeIn(id, new(held, held, Overhead));
        }

        private Guest? Nth(int n) => _guests.Count == 0 ? null : _guests.Values.ElementAt(n % _guests.Count);

        private MemorySize Room() =>
            AdmissionRules.Room(_ledger, _guests.ToDictionary(g => g.Key, g => new VmPolicy(g.Value.Min, MiB(4000))));

        private AdmissionLine Line() =>
            Requests.Line(_ledger, [.. _guests.Values.Select(g => g.AsPeer())], _admissions.Values, launches: 3);
    }

    private sealed class Guest(VmId id, MemorySize held, MemorySize min)
    {
        private VmPhase _phase = VmPhase.Settled;
        private int _still;
        private ShrinkHistory _mover = new();

        public VmId Id => id;

        public MemorySize Min => min;

        public MemorySize Held { get; private set; } = held;

        public MemorySize Used { get; set; } = MiB(64);

        public Temper Temper { get; set; }

        public void Move(MemorySize goal, Moment now)
        {
            var floor = MemorySize.Max(goal, MemorySize.Min(Held, Used));
            var step = Temper switch { Temper.Ideal => MiB(40), Temper.Slow => MiB(1), _ => MemorySize.Zero };
            var before = Held;
            Held = MemorySize.Max(MemorySize.Min(floor, Held), Held.MinusOrZero(step));
            _still = Held < before || Held <= goal ? 0 : _still + 1;
            _phase = _still > 50 || Temper == Temper.Stuck ? VmPhase.Stuck : Held > goal ? VmPhase.Shrinking : VmPhase.Settled;
            _mover = _mover.Observe(Held, goal, _phase, now);
        }

        public Peer AsPeer() => new(
            new(id, min, MiB(4000), 1000, Held, MemorySize.Min(Held, Used + MiB(16)), MemorySize.Min(Held, Used + MiB(64)), false,
                _phase != VmPhase.Stuck && Temper != Temper.Stuck)
            {
                Need = MemorySize.Min(Held, Used),
                TakenTo = Temper == Temper.Lies ? MemorySize.Zero : MemorySize.Min(Held, Used),
            },
            _mover, Heard: true);
    }
}
