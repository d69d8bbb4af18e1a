using System.Collections.Immutable;
using CsCheck;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Memory;

public sealed partial class LedgerProperties
{
    /// <summary>
    /// A host, its journal (promises and reservations), and devices that never exceed what they were told, except by
    /// <see cref="Op.Deflate"/>.
    /// </summary>
    private sealed class World
    {
        private static readonly MemorySize Overhead = MemorySize.FromMiB(10);
        private static readonly VmPolicy Policy = new(MemorySize.FromMiB(64), MemorySize.FromMiB(2048));

        private readonly SortedDictionary<VmId, Promise> _promises = [];
        private readonly SortedDictionary<VmId, MemorySize> _reserved = [];
        private readonly SortedDictionary<VmId, Confirmation> _standings = [];
        private readonly SortedDictionary<VmId, Device> _devices = [];
        private readonly SortedDictionary<VmId, (MemorySize Held, Device Device)> _loose = [];
        private readonly SortedDictionary<VmId, int> _told = [];
        private readonly SortedDictionary<VmId, Queue<(MemorySize Target, int Number)>> _onTheirWay = [];
        private readonly SortedDictionary<VmId, Queue<(Confirmation Confirmation, int Number)>> _reports = [];
        private Ledger _ledger = Empty();
        private Op.Plan? _last;
        private int _number;

        /// <param name="Told">The most that it can become from what it was told.</param>
        /// <param name="Number">The number of the last message that it heard.</param>
        private sealed record Device(MemorySize Actual, MemorySize Told, MemorySize Target, int Number);

        public void Do(Op op)
        {
            switch (op)
            {
                case Op.Reserve r when !_promises.ContainsKey(Id(r.Vm)) && !_loose.ContainsKey(Id(r.Vm))
                && _ledger.Reserve(Id(r.Vm), MemorySize.FromMiB(r.Mib) + Overhead) is { } reserved:
                    _ledger = reserved;
                    _reserved[Id(r.Vm)] = MemorySize.FromMiB(r.Mib) + Overhead;
                    break;
                case Op.Launch { Fails: true } l when Among(_reserved, l.Vm) is { } vm:
                    _reserved.Remove(vm);
                    _ledger = _ledger.EndReservation(vm);
                    break;
                case Op.Launch { Fails: false } l when Among(_reserved, l.Vm) is { } vm:
                    _reserved.Remove(vm, out var size);
                    var boot = size - Overhead;
                    _ledger = _ledger.Convert(vm, new(MemorySize.Zero, boot, Overhead));
                    _promises[vm] = new(boot, boot);
                    _devices[vm] = new(boot, boot, boot, 0);
                    Tell(vm);
                    break;
                case Op.LetGo l when Among(_promises, l.Vm) is { } vm:
                    _loose[vm] = (_ledger.Claims[vm].Size, _devices[vm]);
                    _ledger = _ledger.LetGoOf(vm, _ledger.Claims[vm].Size);
                    Forget(vm);
                    break;
                case Op.Gone g when Among(_loose, g.Vm) is { } vm:
                    _loose.Remove(vm);
                    _ledger = _ledger.Gone(vm).Gone(vm);
                    break;
                case Op.End e when Among(_promises, e.Vm) is { } vm:
                    Forget(vm);
                    // The end may be reported twice: by the process and by its connection.
                    _ledger = _ledger.Release(vm).Release(vm);
                    break;
                case Op.Plan p:
                    _last = p with { Death = Death.None };
                    PlanFor(p);
                    break;
                case Op.Again when _last is { } last:
                    PlanFor(last);
                    break;
                case Op.Hear h when Among(_devices, h.Vm) is { } vm:
                    var device = _devices[vm];
                    if (_onTheirWay.TryGetValue(vm, out var messages) && messages.TryDequeue(out var message))
                        device = device with { Target = message.Target, Number = message.Number };
                    // The devices are told a part of the way from what they were told before to the new target.
                    var way = (device.Target.Bytes - device.Told.Bytes) * h.PerCent / 100;
                    _devices[vm] = device with { Told = new(device.Told.Bytes + way) };
                    break;
                case Op.Move m when Among(_devices, m.Vm) is { } vm:
                    var still = _devices[vm];
                    _devices[vm] =
                        still with { Actual = new(still.Actual.Bytes + ((still.Told.Bytes - still.Actual.Bytes) * m.PerCent / 100)) };
                    break;
                case Op.Deflate d when Among(_devices, d.Vm) is { } vm:
                    _devices[vm] = _devices[vm] with { Actual = _devices[vm].Actual + MemorySize.FromMiB(d.Mib) };
                    break;
                case Op.Report r when Among(_devices, r.Vm) is { } vm:
                    var stands = _devices[vm];
                    if (!_reports.TryGetValue(vm, out var sent))
                        _reports[vm] = sent = [];
                    sent.Enqueue((new(stands.Actual, MemorySize.Max(stands.Actual, stands.Told), stands.Target), stands.Number));
                    break;
                case Op.Arrive a when Among(_reports, a.Vm) is { } vm && _reports[vm] is { Count: > 0 } line:
                    var (standing, number) = line.Peek();
                    if (a.Fate > 0)
                        Reported(vm, standing, number);
                    if (a.Fate < 9)
                        line.Dequeue();
                    break;
                case Op.Grant g when Among(_promises, g.Vm) is { } vm && MemorySize.FromMiB(g.Mib) >= _promises[vm].Granted:
                    if (_ledger.Grant(vm, MemorySize.FromMiB(g.Mib)) is { } granted)
                    {
                        Assert.True(granted.Deficit <= _ledger.Deficit, $"a promise makes a deficit of {granted.Deficit}");
                        _ledger = granted;
                        _promises[vm] = _promises[vm] with { Granted = MemorySize.FromMiB(g.Mib) };
                    }

                    break;
                case Op.Crash:
                    Recover();
                    break;
            }
        }

        /// <summary>Checks that the books are in order, whatever the world does.</summary>
        public void CheckBooks()
        {
            foreach (var (vm, claim) in _ledger.Claims)
            {
                Assert.Equal(_promises[vm].Granted, claim.Granted);
                Assert.True(claim.Size >= claim.Actual + claim.Overhead, $"the claim of {vm} is below what it has");
            }

            Assert.Equal(_promises.Keys, _ledger.Claims.Keys);
            Assert.Equal(_reserved, _ledger.Reservations);
            Assert.Equal(_loose.Select(vm => (vm.Key, vm.Value.Held)), _ledger.LetGo.Select(vm => (vm.Key, vm.Value)));
            Assert.Equal(_loose.Values.Sum(vm => vm.Held.Bytes), _ledger.Loose.Bytes);
            Assert.Equal(
                _ledger.Claims.Values.Sum(c => MemorySize.Max(c.Actual, c.Granted).Bytes + c.Overhead.Bytes), _ledger.Claimed.Bytes);
            Assert.Equal(_ledger.Reservations.Values.Sum(r => r.Bytes), _ledger.Reserved.Bytes);
        }

        /// <summary>
        /// Checks that in a world that obeys, the host is never promised twice, neither in the books nor in what devices were told.
        /// </summary>
        public void Check()
        {
            CheckBooks();
            Assert.True(_ledger.Deficit.IsZero, $"the ledger is short of {_ledger.Deficit}");
            var real = _ledger.HostReserve;
            foreach (var reserved in _reserved.Values)
                real += reserved;
            foreach (var (_, device) in _loose.Values)
                real += MemorySize.Max(device.Actual, MemorySize.Max(device.Told, device.Target)) + Overhead;
            foreach (var (vm, device) in _devices)
            {
                // The promise covers the worst case of what the devices were told, not only what the ledger believes.
                var most = MemorySize.Max(device.Actual, MemorySize.Max(device.Told, device.Target));
                Assert.True(most <= _promises[vm].Granted, $"{vm} can become {most}, promised {_promises[vm].Granted}");
                real += most + Overhead;
            }

            Assert.True(real <= _ledger.HostMemory, $"the host is overcommitted by {real.MinusOrZero(_ledger.HostMemory)}");
        }

        private static Ledger Empty() => new(MemorySize.FromMiB(3000), MemorySize.FromMiB(100));

        private void PlanFor(Op.Plan p)
        {
            var kept = MemorySize.FromMiB(p.KeptMib);
            var bids = _promises.Keys.Select(vm =>
            {
                var held = _ledger.Claims[vm].Size - Overhead;
                var want = MemorySize.FromMiB(p.WantMib[Index(vm)]);
                return new Bid(
                    vm, Policy.Min, Policy.Max, 1000, held, want, want, p.WantMib[Index(vm)] % 5 == 0, _standings.ContainsKey(vm));
            }).ToArray();
            var budget = _ledger.HostMemory.MinusOrZero(_ledger.Fixed + kept).MinusOrZero(Overhead.Scale(bids.Length));
            var plan = Arbiter.Plan(bids, budget, MemorySize.FromMiB(50));
            var changes = Granting.Decide(
                _ledger, _promises, _standings, plan, _promises.Keys.ToImmutableDictionary(vm => vm, _ => Policy), kept, Step).Changes;
            if (p.Death == Death.BeforeWrite)
            {
                Recover();
                return;
            }

            var before = _ledger.Deficit;
            foreach (var change in changes)
            {
                Assert.True(change.Target <= change.Granted);
                _ledger = _ledger.Grant(change.Vm, change.Granted) ?? throw new InvalidOperationException($"the ledger refuses {change}");
                _promises[change.Vm] = new(change.Granted, change.Target);
            }

            Assert.True(_ledger.Deficit <= before, $"promises make a deficit of {_ledger.Deficit}");
            if (p.Death == Death.AfterWrite)
            {
                Recover();
                return;
            }

            foreach (var change in changes)
                Tell(change.Vm);
        }

        /// <summary>Tells the VM its target; earlier reports confirm nothing that is told from now on.</summary>
        private void Tell(VmId vm)
        {
            _told[vm] = ++_number;
            if (!_onTheirWay.TryGetValue(vm, out var messages))
                _onTheirWay[vm] = messages = [];
            messages.Enqueue((_promises[vm].Target, _number));
            if (_standings.TryGetValue(vm, out var standing))
                _standings[vm] = standing.Unanswered();
        }

        private void Reported(VmId vm, Confirmation standing, int number)
        {
            _standings[vm] = standing with { Target = _told.TryGetValue(vm, out var told) && told == number ? standing.Target : null };
            _ledger = _ledger.Observe(vm, standing.Actual, Overhead);
        }

        /// <summary>The daemon dies; the next one has only the journal, and tells each VM its target.</summary>
        private void Recover()
        {
            _ledger = Empty();
            _standings.Clear();
            _reports.Clear();
            _onTheirWay.Clear();
            foreach (var (vm, size) in _reserved)
                _ledger = _ledger.Reserve(vm, size)
                    ?? throw new InvalidOperationException($"the ledger refuses {vm} {size} that was reserved before");
            foreach (var (vm, (held, _)) in _loose)
                _ledger = _ledger.LetGoOf(vm, held);
            foreach (var (vm, promise) in _promises)
            {
                _ledger = _ledger.TakeIn(vm, new(MemorySize.Zero, promise.Granted, Overhead));
                Tell(vm);
            }
        }

        private void Forget(VmId vm)
        {
            _promises.Remove(vm);
            _devices.Remove(vm);
            _standings.Remove(vm);
            _reports.Remove(vm);
            _told.Remove(vm);
            _onTheirWay.Remove(vm);
        }

        /// <summary>One of the VMs; null if there is none.</summary>
        private static VmId? Among<T>(SortedDictionary<VmId, T> vms, int index) =>
            vms.Count == 0 ? null : vms.Keys.ElementAt(index % vms.Count);

        private static VmId Id(int vm) => VmId.Parse($"vm{vm}");

        private static int Index(VmId vm) => int.Parse(vm.Name[2..]);
    }
}
