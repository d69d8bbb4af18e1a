using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>
/// What guests, other programs and administrators do to a host out of malice or by chance, by dice of their own: leaving out one of these
/// faults changes nothing else in a history.
/// </summary>
internal sealed partial class CoreWorld
{
    private double _mergedPart;

    /// <summary>The most orders that operators send at one moment.</summary>
    private const int MostOrders = 40;

    /// <summary>
    /// No more messages wait for a host: a few of each VM, whatever guests say, and what operators have sent while one write was slow.
    /// </summary>
    public int MostMessages => (4 * _slots) + (2 * MostOrders) + 60;

    /// <summary>The most samples of a VM that its driver lets through in a second.</summary>
    private static readonly TimeSpan SampleEvery = TimeSpan.FromMilliseconds(50);

    private static readonly Fault[] Malices = [Fault.TakesBack, Fault.Bursts, Fault.GroupLimits, Fault.OthersTake];

    private void Malice() => Agenda.In(TimeSpan.FromMilliseconds(_malice.Between(500, 8_000)), () =>
    {
        var (fault, dice) = (_malice.Of<Fault>(Malices), _malice.Split());
        if (!Calm && _allowed[(int)fault] && Running is { Count: > 0 } running)
        {
            Befallen.Add(fault);
            Do(fault, running[dice.Below(running.Count)], dice);
        }

        Malice();
    });

    private void Do(Fault fault, CoreVm vm, SeededRandom dice)
    {
        switch (fault)
        {
            case Fault.TakesBack:
                vm.TakeBack(dice.OneIn(3) ? MemorySize.Zero : MemorySize.FromMiB(dice.Between(1, 400)), Agenda.Now);
                Log.Note($"{vm.Id} touches {vm.Guest.TookBack} of what it gave: its process holds {vm.Resident}");
                break;
            case Fault.Bursts when dice.OneIn(2):
                var (all, until) = (dice.OneIn(2), Agenda.Now + TimeSpan.FromMilliseconds(dice.Between(200, 4_000)));
                Log.Note($"{(all ? "all guests say" : $"{vm.Id} says")} as much as it can");
                foreach (var guest in all ? Running : [vm])
                {
                    guest.CriesUntil = until;
                    Flood(guest, until);
                }

                break;
            case Fault.Bursts:
                Log.Note($"operators send orders");
                for (var orders = dice.Between(10, MostOrders); orders > 0; orders--)
                    Order(VmId.Parse($"vm{dice.Below(_slots):00}"), dice);
                break;
            case Fault.GroupLimits when dice.OneIn(2):
                vm.Limit = dice.OneIn(3) ? null : MemorySize.Max(vm.Resident, MemorySize.FromMiB(dice.Between(200, 1_500)));
                Log.Note($"the control group of {vm.Id} is limited to {vm.Limit}");
                break;
            case Fault.GroupLimits:
                OthersTake(OthersHold, dice.OneIn(2) ? null : LeastOr(_memory.Scale(dice.Between(60, 110) / 100.0)));
                break;
            case Fault.OthersTake:
                OthersTake(dice.OneIn(2) ? MemorySize.Zero : _memory - LeastOr(_memory.Scale(dice.Between(60, 100) / 100.0)), GroupLimit);
                break;
        }
    }

    /// <summary>Merged pages stay merged for a while, as long as the host takes to be known.</summary>
    private void Merge() => Agenda.In(TimeSpan.FromSeconds(_merging.Between(20, 80)), () =>
    {
        var (part, others) = (_merging.OneIn(3) ? 0 : _merging.Between(5, 50) / 100.0, _merging.Between(60, 100) / 100.0);
        if (!Calm && _allowed[(int)Fault.Merges])
        {
            Befallen.Add(Fault.Merges);
            _mergedPart = part;
            Log.Note($"the host merges pages, which saves {Merged} of what VMs hold");
            OthersTake(part == 0 ? MemorySize.Zero : _memory - LeastOr(_memory.Scale(others)), GroupLimit);
        }

        Merge();
    });

    private MemorySize LeastOr(MemorySize size) => MemorySize.Min(_memory, MemorySize.Max(size, Invariants.LeastMemory(_reserve)));

    /// <summary>Other programs hold this much from now on, and the daemon's group is limited to that.</summary>
    private void OthersTake(MemorySize others, MemorySize? limit)
    {
        if ((others, limit) == (OthersHold, GroupLimit))
            return;
        Log.Note($"other programs hold {others}, the control group of all VMs is limited to {limit}");
        (OthersHold, GroupLimit, HasSince) = (others, limit, Agenda.Now);
    }

    /// <summary>A guest that cries with each word, and is another kernel in each hello.</summary>
    private void Flood(CoreVm vm, Moment until) => Agenda.In(SampleEvery, () =>
    {
        if (!vm.Running || Agenda.Now >= until || vm.Guest is not { RunState: VmRunState.Running, Boots: false, Mute: false })
            return;
        var sample = vm.Guest.Sample(Now);
        vm.Connection?.Tell(new VmObservation.Sample(sample with { Reason = SampleReason.LowMemory, MemAvailable = MemorySize.Zero }));
        if (vm.Hello is { } hello && _malice.OneIn(20))
            vm.Connection?.Tell(new VmObservation.Hello(hello with { Kernel = $"{_malice.Below(1000)}" }));
        Flood(vm, until);
    });

    private void Order(VmId id, SeededRandom dice)
    {
        if (_daemon is not { } daemon || !daemon.State.Vms.TryGetValue(id, out var vm))
            return;
        MemorySize? target = dice.OneIn(4) ? null : vm.Policy.Min + MemorySize.FromMiB(dice.Between(0, 600));
        daemon.Enqueue(dice.OneIn(3)
            ? new HostProtocol.SetPolicy(id, null, null, dice.Between(1, 4000))
            : new HostProtocol.ResizeVm(id, target is { } size ? MemorySize.Min(size, vm.Policy.Max) : null));
    }

    /// <summary>What the guest said before its reset comes after it, sooner than any guest boots.</summary>
    private void Echo(CoreVm vm, GuestSample said)
    {
        if (!_allowed[(int)Fault.Echoes] || !_malice.OneIn(2) || vm.Connection is not { } connection)
            return;
        Befallen.Add(Fault.Echoes);
        Agenda.In(TimeSpan.FromMilliseconds(_malice.Between(1, 300)),
            () => connection.Tell(new VmObservation.Sample(said with { At = Now })));
    }
}
