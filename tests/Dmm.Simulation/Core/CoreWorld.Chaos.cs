using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The events that come from outside the daemon: loads, operators, faults; and the times of calm in between.</summary>
internal sealed partial class CoreWorld
{
    /// <summary>
    /// Everything settles within this time once the world behaves: it is longer than the longest back-off and a deadline of admission
    /// together.
    /// </summary>
    public static readonly TimeSpan SettlesWithin = TimeSpan.FromMinutes(10);

    private static readonly RestartPolicy[] Policies = Enum.GetValues<RestartPolicy>();

    private static readonly Fault[] Strokes =
    [
        Fault.Slow, Fault.Stubborn, Fault.StopsHalfway, Fault.StopsAtFloor, Fault.KeepsSome, Fault.IgnoresPlug,
        Fault.NeverOnlines, Fault.RefusesAbove, Fault.GrowsByItself, Fault.Forgets, Fault.LiesAboutUse, Fault.LiesAboutBalloon,
        Fault.Floods, Fault.Dies, Fault.PowersDown,
        Fault.HostRestarts, Fault.Pauses, Fault.Migrates, Fault.ComesBack, Fault.OperatorsHand,
        Fault.ConnectionLost, Fault.CostsMore, Fault.Crash, Fault.HostShrinks, Fault.KeepsMemory,
    ];

    /// <summary>A VM that has found no room for this long once the world behaves is stopped: it would be tried again for ever.</summary>
    private static readonly TimeSpan ReturnsWithin = TimeSpan.FromMinutes(2);

    private Moment _phaseEnds;

    private void Turmoil()
    {
        Calm = false;
        _phaseEnds = Agenda.Now + TimeSpan.FromSeconds(Chance.Between(10, 120));
        Log.Note($"until {_phaseEnds} anything may happen");
        Agenda.In(TimeSpan.Zero, Next);
    }

    private void Next()
    {
        if (Agenda.Now >= _phaseEnds)
        {
            BeginCalm();
            return;
        }

        var kind = Chance.Below(12);
        if (kind < 4)
            ChangeLoad();
        else if (kind < 8)
            OperatorActs();
        else
            Strike();
        Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(50, 1_500)), Next);
    }

    private void BeginCalm()
    {
        Calm = true;
        _phaseEnds = Agenda.Now + SettlesWithin;
        Log.Note($"from here on the world behaves");
        HostHas(_memory);
        OthersTake(MemorySize.Zero, null);
        _mergedPart = 0;
        Behave();
        foreach (var vm in Running)
        {
            vm.Costs(_guests.Overhead, Agenda.Now);
            vm.Wish = MemorySize.FromMiB(Chance.Between(8, 24));
        }

        AwaitLater();
    }

    /// <summary>The interval is not in step with the plans; otherwise each look would fall into the middle of one.</summary>
    private void AwaitLater() => Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(700, 1_300)), Await);

    private void Await()
    {
        if (Invariants.Settled())
        {
            Settlements++;
            Log.Note($"everything is settled");
            // Now and then the world stays calm for a while: a VM that has come to rest must stay at rest.
            Agenda.In(Chance.OneIn(6) ? TimeSpan.FromSeconds(40) : TimeSpan.Zero, Turmoil);
        }
        else
        {
            if (Agenda.Now > _phaseEnds)
                Invariants.NotSettled();
            if (_daemon is { } daemon && Agenda.Now > _phaseEnds - SettlesWithin + ReturnsWithin)
                StopReturning(daemon);
            AwaitLater();
        }
    }

    private static void StopReturning(CoreDaemon daemon)
    {
        foreach (var id in daemon.State.Resting.Where(vm => vm.Value.ReturnAt is not null).Select(vm => vm.Key)
            .Concat(daemon.State.Admissions.Where(a => a.Value.Tries is not null).Select(a => a.Key)))
            daemon.Enqueue(AtOnce(id));
    }

    private static HostProtocol.StopVm AtOnce(VmId id) => new(id, new(TimeSpan.Zero, Kill: true));

    private void Disturb(CoreVm vm) => (vm.Disturbed, vm.DisturbedAt) = (true, Agenda.Now);

    private CoreVm? AnyProcess()
    {
        var running = Running;
        return running.Count == 0 ? null : running[Chance.Below(running.Count)];
    }

    private void ChangeLoad()
    {
        if (AnyProcess() is not { } vm)
            return;
        vm.Wish = MemorySize.FromMiB(Chance.OneIn(3) ? Chance.Between(8, 64) : Chance.Between(8, 1500));
        Log.Note($"{vm.Id} wants to hold {vm.Wish}");
    }

    private void OperatorActs()
    {
        if (_daemon is not { } daemon)
            return;
        var id = VmId.Parse($"vm{Chance.Below(_slots):00}");
        // A request is short, so now and then the operator picks one that is under way.
        if (Chance.OneIn(10) && daemon.State.Admissions.Keys.ToArray() is { Length: > 0 } wanted)
        {
            id = wanted[Chance.Below(wanted.Length)];
            Log.Note($"operator: cancels {id}");
            daemon.Enqueue(AtOnce(id));
            return;
        }

        var process = ProcessOf(id);
        var known = daemon.State.Vms.TryGetValue(id, out var vm);
        if (daemon.State.Resting.ContainsKey(id))
        {
            OfOneThatRests(daemon, id);
            return;
        }

        switch (Chance.Below(9))
        {
            case 8 when known:
                var restart = Chance.Of<RestartPolicy>(Policies);
                Log.Note($"operator: {id} restart {restart}");
                daemon.Enqueue(new HostProtocol.SetPolicy(id, null, null, null) { Restart = restart });
                break;
            case 0 or 1 or 2 when !known:
                if (process is { Running: true })
                    daemon.Enqueue(Adoption(process));
                else
                    Create(daemon, id);
                break;
            case 3 when known && process is not null:
                var min = MemorySize.FromMiB(Chance.Between(128, 256));
                var most = process.Guest.Base + process.Capabilities.ExtendableTo;
                var max = MemorySize.Max(min, MemorySize.Min(most, MemorySize.FromMiB(Chance.Between(256, 3000))));
                Log.Note($"operator: {id} min {min}, max {max}");
                daemon.Enqueue(new HostProtocol.SetPolicy(id, min, max, Chance.Between(1, 4000)));
                break;
            case 4 when known:
                var target = MemorySize.Min(vm!.Policy.Max, vm.Policy.Min + MemorySize.FromMiB(Chance.Between(0, 1000)));
                Log.Note($"operator: {id} resized to {target}");
                daemon.Enqueue(new HostProtocol.ResizeVm(id, target));
                break;
            case 5 when known:
                daemon.Enqueue(new HostProtocol.ResizeVm(id, null));
                break;
            case 6 when known && Chance.OneIn(3):
                var stop = Chance.OneIn(2) ? AtOnce(id)
                    : new(id, new(TimeSpan.FromMilliseconds(Chance.Between(0, 20_000)), Kill: Chance.OneIn(2)));
                Log.Note($"operator: {id} is to stop, {stop.Order}");
                daemon.Enqueue(stop);
                break;
            case 7 when known && Chance.OneIn(4):
                // Another operator may have been about to adopt it, and have read its devices while it was governed.
                if (process is { Running: true } && _rivals.OneIn(2))
                {
                    var (adopts, forgotten) = (Adoption(process), TimeSpan.FromMilliseconds(_rivals.Between(1, 500)));
                    Agenda.In(forgotten, () => Forget(daemon, id));
                    Agenda.In(forgotten + TimeSpan.FromMilliseconds(_rivals.Between(1, 100)), () => daemon.Enqueue(adopts));
                    break;
                }

                Forget(daemon, id);
                break;
            case 6 when daemon.State.Admissions.ContainsKey(id):
                Log.Note($"operator: cancels {id}");
                daemon.Enqueue(AtOnce(id));
                break;
        }
    }

    private void OfOneThatRests(CoreDaemon daemon, VmId id)
    {
        switch (Chance.Below(6))
        {
            case 0 or 1:
                Log.Note($"operator: {id} is to start");
                daemon.Enqueue(new HostProtocol.StartVm(id, Returning.Deadline));
                break;
            case 2:
                Log.Note($"operator: {id} is to stay stopped");
                daemon.Enqueue(AtOnce(id));
                break;
            case 3:
                var min = MemorySize.FromMiB(Chance.Between(128, 256));
                var policy = new VmPolicy(min, MemorySize.Max(min, MemorySize.FromMiB(Chance.Between(256, 3000))), Chance.Between(1, 4000));
                Log.Note($"operator: {id}, which rests, {policy}");
                daemon.Enqueue(new HostProtocol.SetPolicy(id, policy.Min, policy.Max, policy.Shares));
                break;
            case 4:
                var restart = Chance.Of<RestartPolicy>(Policies);
                Log.Note($"operator: {id}, which rests, restart {restart}");
                daemon.Enqueue(new HostProtocol.SetPolicy(id, null, null, null) { Restart = restart });
                break;
            case 5 when Chance.OneIn(3):
                Log.Note($"operator: forgets {id}, which rests");
                daemon.Enqueue(new HostProtocol.ForgetVm(id));
                break;
        }
    }

    private void Create(CoreDaemon daemon, VmId id)
    {
        var min = MemorySize.FromMiB(Chance.Between(128, 256));
        var boot = min + MemorySize.FromMiB(Chance.OneIn(3) ? 0 : Chance.Between(0, 400));
        var max = boot + MemorySize.FromMiB(Chance.OneIn(4) ? 0 : Chance.Between(1, 3000));
        // Some operators change their mind, or their time is over, before anything was done: so each state of a request is left early now
        // and then.
        var hasty = Chance.OneIn(3);
        var brief = hasty && !Chance.OneIn(3);
        var timeout = brief ? TimeSpan.FromMicroseconds(Chance.Between(1_000, 20_000)) : TimeSpan.FromSeconds(Chance.Between(5, 60));
        var early = Chance.OneIn(3);
        var spec = new VmSpec
        {
            Id = id,
            Policy = new(min, max),
            Boot = boot,
            Priority = 100 * Chance.Below(3),
            BootPolicy = early ? BootPolicy.Early : BootPolicy.Full,
            Restart = Chance.Of<RestartPolicy>(Policies),
        };
        Log.Note(
            $"operator: creates {id}, min {min}, boot {boot}{(early ? " or early with less" : "")}, max {max}, "
                + $"priority {spec.Priority}, restart {spec.Restart}, within {timeout.TotalSeconds} s");
        daemon.ToLine(new AdmissionProtocol.CreateVm(spec, _guests.Overhead, timeout, []), asked: true);
        if (!hasty || brief)
            return;
        Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(1, 30)), () =>
        {
            Log.Note($"operator: cancels {id} already");
            daemon.ToLine(new AdmissionProtocol.Cancel(id));
        });
    }

    private void Forget(CoreDaemon daemon, VmId id)
    {
        Log.Note($"operator: forgets {id}");
        daemon.Enqueue(new HostProtocol.ForgetVm(id));
    }

    /// <summary>The adoption of a VM as it is now.</summary>
    private HostProtocol.AdoptVm Adoption(CoreVm process)
    {
        var sizes = process.Guest.Sizes;
        var (ceiling, min) = (sizes.Ceiling, MemorySize.FromMiB(128));
        var max = MemorySize.Max(ceiling, MemorySize.FromMiB(1024));
        Log.Note($"operator: adopts {process.Id} with {ceiling}");
        return new(process.Handle, new(min, max), ceiling, _guests.Overhead) { ReadAt = Now, Resident = process.ReadAt(Now) };
    }

    /// <summary>Sets the host's time of day by a second to a day; small steps are as frequent as large ones.</summary>
    private void ClocksStep() => Agenda.In(TimeSpan.FromSeconds(_clocks.Between(5, 60)), () =>
    {
        if (!Calm && _allowed[(int)Fault.ClockSteps])
        {
            var by = TimeSpan.FromSeconds(Math.Pow(10, _clocks.Between(0, 49) / 10.0)) * (_clocks.OneIn(2) ? -1 : 1);
            _off += by;
            ClockStepped = true;
            Befallen.Add(Fault.ClockSteps);
            Log.Note($"the host's clock is set by {by.TotalSeconds:0.0} s, and is off by {_off.TotalSeconds:0.0} s");
        }

        ClocksStep();
    });

    private void Strike()
    {
        var fault = Chance.Of<Fault>(Strokes);
        var vm = AnyProcess();
        var chance = Chance.Split();
        if (!_allowed[(int)fault] || vm is null)
            return;
        Befallen.Add(fault);
        switch (fault)
        {
            case Fault.Dies:
                // This is rare: a host without VMs is a quiet one.
                if (chance.OneIn(3))
                    End(vm, "it died");
                return;
            case Fault.PowersDown:
                if (chance.OneIn(3))
                    PowerDown(vm);
                return;
            case Fault.HostRestarts:
                if (chance.OneIn(8))
                    Reboot();
                return;
            case Fault.Pauses:
                Turn(vm, VmRunState.Paused, from: VmRunState.Running);
                Agenda.In(TimeSpan.FromMilliseconds(chance.Between(50, 60_000)),
                    () => Turn(vm, VmRunState.Running, from: VmRunState.Paused));
                return;
            case Fault.Migrates:
                Turn(vm, VmRunState.MigratingOut, from: VmRunState.Running);
                var givenUp = chance.OneIn(3);
                Agenda.In(TimeSpan.FromMilliseconds(chance.Between(10, 3_000)), () => Turn(
                    vm, givenUp ? VmRunState.Running : VmRunState.MigratedAway, from: VmRunState.MigratingOut));
                if (!givenUp)
                    Agenda.In(TimeSpan.FromMilliseconds(chance.Between(3_000, 60_000)), () => QuitIfAway(vm));
                return;
            case Fault.ComesBack:
                var said = vm.Guest.Sample(Now);
                vm.Reboot(TimeSpan.FromMilliseconds(chance.Between(500, 15_000)), Now);
                Echo(vm, said);
                Disturb(vm);
                break;
            case Fault.OperatorsHand:
                vm.Guest.AskDevices(
                    [.. vm.Guest.Devices.Select(d => MemorySize.Min(MemorySize.FromMiB(chance.Between(0, 1000)), d.Max)
                        .RoundDown(d.Block))]);
                vm.Guest.AskBallooned(MemorySize.Min(MemorySize.FromMiB(chance.Between(0, 300)), vm.Guest.Base));
                Disturb(vm);
                break;
            case Fault.ConnectionLost:
                vm.Connection?.TellLast(new VmObservation.ConnectionLost("the socket closed"));
                break;
            case Fault.KeepsMemory:
                vm.Guest.Keeps = chance.Of<double>([0, 0.3, 1, 1]);
                break;
            case Fault.CostsMore:
                vm.Costs(_guests.Overhead + MemorySize.FromMiB(chance.Between(0, 64)), Agenda.Now);
                break;
            case Fault.Crash:
                Crash("for no reason");
                return;
            case Fault.HostShrinks:
                var memory = chance.OneIn(2) ? _memory : MemorySize.Max(_memory.Scale(0.8), Invariants.LeastMemory(_reserve));
                Log.Note($"the host has {memory}");
                HostHas(memory);
                return;
            default:
                var temper = Faults.TemperOf(fault)!.Value;
                vm.Guest.Floor = MemorySize.FromMiB(chance.Between(100, 1000));
                vm.Guest.Limit = vm.Guest.Base + MemorySize.FromMiB(chance.Between(0, 1000));
                vm.Guest.Temper = chance.OneIn(2) ? GuestTemper.Ideal : temper;
                if (temper is GuestTemper.GrowsByItself or GuestTemper.LiesAboutBalloon)
                    Disturb(vm);
                break;
        }

        Log.Note($"{vm.Id} {Faults.NameOf(fault)}: {Describe(vm)}");
    }
}
