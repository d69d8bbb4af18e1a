using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>When the faults of a history occur.</summary>
internal sealed class Hazards
{
    /// <summary>Guests that break the host's invariant by themselves. A history with them can check less, so most have none.</summary>
    private static readonly GuestTemper[] Breaking = [GuestTemper.GrowsByItself, GuestTemper.LiesAboutBalloon];

    private readonly GuestTemper[] _tempers;

    private readonly SimulatedHost _host;
    private readonly SeededRandom _dice;
    private readonly SeededRandom _clocks;
    private readonly bool[] _allowed;
    private readonly SortedSet<string> _befell = new(StringComparer.Ordinal);
    private bool _trouble;
    private bool _badDisk;
    private Fault? _dieAt;

    /// <param name="clocks">Dice for the clocks alone, so that leaving out clock faults changes nothing else in a history.</param>
    public Hazards(SimulatedHost host, SeededRandom dice, SeededRandom clocks, IReadOnlySet<string> without)
    {
        (_host, _dice, _clocks, _allowed) = (host, dice, clocks, Faults.Allowed(without));
        var (world, journal) = (host.World, host.Journal);
        var breaks = dice.Chance(0.3);
        _tempers = [.. Enum.GetValues<GuestTemper>().Where(temper => breaks || !Breaking.Contains(temper))];
        world.Fate = (call, id) =>
        {
            DieIf(Fault.CrashBeforeCall);
            return FateOf(call);
        };
        world.Happened = (_, _) => DieIf(Fault.CrashAfterCall);
        world.Devices = () => dice.Chance(0.5)
            ? [MemorySize.FromGiB(4)]
            : [MemorySize.FromMiB(2 * (1 + dice.Below(200))), MemorySize.FromMiB(2 * (1 + dice.Below(200))), MemorySize.FromGiB(4)];
        world.Temper = () => _trouble && dice.Chance(0.5) ? Another() : GuestTemper.Ideal;
        journal.Fate = _ =>
        {
            DieIf(Fault.CrashBeforeWrite);
            return WriteFateOf();
        };
        journal.Written = _ => DieIf(Fault.CrashAfterWrite);
        journal.Fault = what => _trouble && _badDisk && Befalls(what, 0.1) ? $"simulated: {Faults.NameOf(what)}" : null;
        host.ModelsFail = () => _trouble && Befalls(Fault.ModelsFail, 0.15);
        Again(4, 30, Crash);
        Again(5, 30, () => _badDisk = !_badDisk && _dice.Chance(0.4));
        Again(10, 60, EndOne);
        Again(30, 200, RebootHost);
        world.PowersDown = () => _trouble && Befalls(Fault.IgnoresPowerDown, 0.3) ? null : dice.Seconds(0, 6);
        Again(3, 30, ChangeTemper);
        Again(10, 60, BreakConnection);
        Again(10, 60, () => OthersTake(Befalls(Fault.HostShrinks, 0.7)));
        world.Unseen = () => _trouble && Befalls(Fault.HostUnseen, 0.01) ? "simulated: the host does not tell" : null;
        world.Hidden = _ => _trouble && Befalls(Fault.ProcessHidden, 0.03);
        world.Opaque = () => _trouble && Befalls(Fault.ProcessUnknown, 0.15);
        Again(5, 30, KeepMemory);
        world.Mute = () => _trouble && Befalls(Fault.Silent, 0.15);
        world.EndedByDaemon = id =>
        {
            host.Note();
            if (host.Lives.Ended(id) is { } amiss)
                host.Violated("nobody is ended unasked", amiss);
        };
        Again(5, 60, Pause);
        Again(10, 90, Migrate);
        if (breaks)
            Again(20, 90, Reboot);
        ClockSteps();
        Again(5, 40, TakeBack);
        Again(10, 60, Limit);
    }

    /// <summary>The names of the faults that have occurred in this history.</summary>
    public IReadOnlySet<string> Befell => _befell;

    public void Begin() => _trouble = true;

    public void End()
    {
        (_trouble, _badDisk, _dieAt) = (false, false, null);
        (_host.World.OthersHold, _host.World.GroupLimit) = (MemorySize.Zero, null);
        _host.World.Crowd();
        foreach (var vm in _host.World.Running)
            vm.Unreachable = false;
        _host.World.Behave();
    }

    /// <summary>Somebody pauses a guest, perhaps during its first boot, for a moment or for minutes.</summary>
    private void Pause()
    {
        if (AnyThatRuns() is not { } vm || !Befalls(Fault.Pauses, 0.7))
            return;
        _host.World.Turn(vm, VmRunState.Paused);
        _host.World.Clock.After(_dice.Seconds(0.1, _dice.Chance(0.3) ? 400 : 20), () =>
            _host.World.Turn(vm, VmRunState.Running, from: VmRunState.Paused));
    }

    /// <summary>A guest is migrated away; its process is told to quit soon or late, or the migration is given up.</summary>
    private void Migrate()
    {
        if (AnyThatRuns() is not { } vm || !Befalls(Fault.Migrates, 0.5))
            return;
        var world = _host.World;
        world.Turn(vm, VmRunState.MigratingOut);
        var givenUp = _dice.Chance(0.3);
        world.Clock.After(_dice.Seconds(0.01, 3), () =>
            world.Turn(vm, givenUp ? VmRunState.Running : VmRunState.MigratedAway, from: VmRunState.MigratingOut));
        var (meant, quits) = (_dice.Chance(0.7), _dice.Seconds(0.02, 60));
        if (!givenUp)
            world.Clock.After(quits, () => world.QuitIfAway(vm, meant ? EndCause.PoweredDown : EndCause.Failed));
    }

    private ActorVm? AnyThatRuns()
    {
        var running = _host.World.Running.Where(vm => vm.Guest.RunState == VmRunState.Running).ToArray();
        return running.Length == 0 ? null : _dice.Of(running);
    }

    private void Again(double low, double high, Action act) => _host.World.Clock.After(_dice.Seconds(low, high), () =>
    {
        if (_trouble)
            act();
        Again(low, high, act);
    });

    /// <summary>
    /// Sets the host's time of day, whether a daemon lives or not, forward or back by a second to a day; small steps are as frequent as
    /// large ones. The clock is not set back afterwards.
    /// </summary>
    private void ClockSteps() => _host.Clock.After(_clocks.Seconds(3, 40), () =>
    {
        if (_trouble && Befalls(Fault.ClockSteps))
        {
            var by = TimeSpan.FromSeconds(Math.Pow(10, _clocks.Within(0, 4.9))) * (_clocks.Chance(0.5) ? 1 : -1);
            _host.Clock.Off += by;
            _host.World.Log($"world: the host's clock is set by {by.TotalSeconds:0.0} s");
        }

        ClockSteps();
    });

    /// <summary>Whether this fault occurs: with that probability, if it is not left out.</summary>
    private bool Befalls(Fault fault, double chance) => _dice.Chance(chance) && Befalls(fault);

    private bool Befalls(Fault fault)
    {
        if (_allowed[(int)fault])
            _befell.Add(Faults.NameOf(fault));
        return _allowed[(int)fault];
    }

    private void Crash()
    {
        if (!_dice.Chance(0.8))
            return;
        _dieAt = _dice.Of<Fault>(
            [Fault.Crash, Fault.CrashBeforeCall, Fault.CrashAfterCall, Fault.CrashBeforeWrite, Fault.CrashAfterWrite]);
        if (_dieAt != Fault.Crash)
            return;
        _dieAt = null;
        if (Befalls(Fault.Crash))
            _host.Kill(_dice.Below(30));
    }

    private void DieIf(Fault moment)
    {
        if (_dieAt != moment)
            return;
        _dieAt = null;
        if (!Befalls(moment))
            return;
        _host.World.Log($"the daemon dies: {Faults.NameOf(moment)}");
        _host.Kill();
    }

    private CallFate FateOf(string call)
    {
        if (!_trouble || !Befalls(Fault.CallFails, call == "readSizes" ? 0.005 : 0.02))
            return CallFate.Done;
        return _dice.Of([CallFate.Refused, CallFate.DoneButFailed, CallFate.Silent, CallFate.DoneButSilent, CallFate.ConnectionLost]);
    }

    private (WriteFate Fate, TimeSpan Delay) WriteFateOf()
    {
        if (!_trouble)
            return (WriteFate.Written, _dice.Seconds(0, 0.003));
        if (!_badDisk)
            return (WriteFate.Written, _dice.Chance(0.5) ? TimeSpan.Zero : _dice.Seconds(0, 0.02));
        var fate = Befalls(Fault.JournalWrite, 0.05) ? WriteFate.Failed : Befalls(Fault.JournalUnsure, 0.05) ? WriteFate.WrittenButFailed
            : WriteFate.Written;
        return (fate, Befalls(Fault.JournalSlow, 0.3) ? _dice.Seconds(0.1, 3) : TimeSpan.Zero);
    }

    private void EndOne()
    {
        var meant = _dice.Chance(0.3);
        if (_host.World.Running.Count > 0 && Befalls(meant ? Fault.PowersDown : Fault.Dies, 0.7))
            _host.World.End(
                _dice.Of([.. _host.World.Running]), meant ? "its guest powered down" : "it died of itself",
                meant ? EndCause.PoweredDown : EndCause.Failed);
    }

    private void RebootHost()
    {
        if (!Befalls(Fault.HostRestarts, 0.6))
            return;
        _host.Kill();
        _host.World.Reboot();
    }

    private void ChangeTemper()
    {
        if (_host.World.Running.Count == 0 || !_dice.Chance(0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running]);
        vm.Guest.Temper = _dice.Chance(0.4) ? GuestTemper.Ideal : Another();
        if (Breaking.Contains(vm.Guest.Temper))
            vm.GoWild(_host.Clock.Moment);
        _host.World.Log($"world: {vm.Id} is {vm.Guest.Temper} now");
    }

    /// <summary>From now on a VM's process keeps all or a part of what its guest gives, or it gives back what it kept.</summary>
    private void KeepMemory()
    {
        if (_host.World.Running.Count == 0 || !Befalls(Fault.KeepsMemory, 0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running]);
        vm.Guest.Keeps = _dice.Of([0, 0.3, 1.0]);
        _host.World.Log($"world: the process of {vm.Id} keeps {vm.Guest.Keeps:0.#} of what its guest gives");
    }

    /// <summary>A guest touches what it gave, or lets go of what it had taken so.</summary>
    private void TakeBack()
    {
        if (_host.World.Running.Count == 0 || !Befalls(Fault.TakesBack, 0.7))
            return;
        var vm = _dice.Of([.. _host.World.Running]);
        _host.World.Crowd();
        vm.TakeBack(_dice.Chance(0.4) ? MemorySize.Zero : MemorySize.FromMiB(_dice.Below(300)), _host.Clock.Moment);
        _host.World.Log($"world: {vm.Id} touches {vm.Guest.TookBack} of what it gave");
    }

    /// <summary>Somebody limits a VM's control group, or that of the daemon and all VMs, or lifts the limit.</summary>
    private void Limit()
    {
        var world = _host.World;
        if (world.Running.Count == 0 || !Befalls(Fault.GroupLimits, 0.7))
            return;
        world.Crowd();
        if (_dice.Chance(0.5))
            world.GroupLimit = world.GroupLimit is null ? _host.Settings.Host.Memory.Scale(_dice.Within(0.6, 1.1)) : null;
        else if (_dice.Of([.. world.Running]) is var vm)
            vm.Limit = _dice.Chance(0.3) ? null : MemorySize.Max(vm.Resident, MemorySize.FromMiB(200 + _dice.Below(1300)));
        world.Log($"world: all VMs' group is limited to {world.GroupLimit}");
    }

    private GuestTemper Another()
    {
        var temper = _dice.Of<GuestTemper>(_tempers);
        if (Faults.FaultOf(temper) is not { } fault || !Befalls(fault))
            return GuestTemper.Ideal;
        return temper;
    }

    /// <summary>Other programs take a part of the memory that the ledger counts on, or give it back.</summary>
    private void OthersTake(bool befalls)
    {
        if (!befalls)
            return;
        var world = _host.World;
        world.OthersHold = world.OthersHold.IsZero ? MemorySize.FromMiB(_dice.Below(2000)) : MemorySize.Zero;
        world.Crowd();
        world.Log($"world: other programs hold {world.OthersHold}");
    }

    private void Reboot()
    {
        if (_host.World.Running.Count == 0 || !Befalls(Fault.ComesBack, 0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running]);
        _host.World.Log($"world: the guest of {vm.Id} reboots");
        // The guest has all that it booted with until its balloon holds something back again.
        vm.GoWild(_host.Clock.Moment);
        var said = vm.Guest.Sample(_host.Clock.Moment);
        vm.Reboot(_dice.Seconds(0.5, 15), _host.Clock.Moment);
        if (!Befalls(Fault.Echoes, 0.5))
            return;
        // What it said before comes after its reset, sooner than any guest boots.
        _host.World.Clock.After(_dice.Seconds(0.001, 0.3),
            () => vm.Tell(new Dmm.Core.Ports.VmObservation.Sample(said with { At = _host.Clock.Moment })));
    }

    private void BreakConnection()
    {
        if (_host.World.Running.Count == 0 || !Befalls(Fault.ConnectionLost, 0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running]);
        _host.World.Log($"world: the connections to {vm.Id} break");
        vm.Unreachable = Befalls(Fault.Unreachable, 0.3);
        _host.World.Clock.After(_dice.Seconds(1, 60), () => vm.Unreachable = false);
        vm.Tell(new Dmm.Core.Ports.VmObservation.ConnectionLost("simulated: it broke"));
        vm.Break();
    }
}
