using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Lab.Actors;

/// <summary>What goes wrong, and when. Each kind has a name by which it can be left out of a history.</summary>
internal sealed class Hazards
{
    /// <summary>Guests that break the host's invariant by themselves. Histories with them say less, so most have none.</summary>
    private static readonly GuestTemper[] Breaking = [GuestTemper.GrowsByItself, GuestTemper.LiesAboutBalloon];

    private readonly GuestTemper[] _tempers;

    private readonly SimulatedHost _host;
    private readonly Dice _dice;
    private readonly IReadOnlySet<string> _without;
    private readonly SortedSet<string> _befell = new(StringComparer.Ordinal);
    private bool _trouble;
    private bool _badDisk;
    private string? _dieAt;

    public Hazards(SimulatedHost host, Dice dice, IReadOnlySet<string> without)
    {
        (_host, _dice, _without) = (host, dice, without);
        var (world, journal) = (host.World, host.Journal);
        var breaks = dice.Chance(0.3);
        _tempers = [.. Enum.GetValues<GuestTemper>().Where(temper => breaks || !Breaking.Contains(temper))];
        world.Fate = (call, id) =>
        {
            DieIf("before call");
            return FateOf(call);
        };
        world.Happened = (_, _) => DieIf("after call");
        world.Devices = () => dice.Chance(0.5)
            ? [MemorySize.FromGiB(4)]
            : [MemorySize.FromMiB(2 * (1 + dice.Below(200))), MemorySize.FromMiB(2 * (1 + dice.Below(200))), MemorySize.FromGiB(4)];
        world.Temper = () => _trouble && Befalls("temper", 0.5) ? Another() : GuestTemper.Ideal;
        journal.Fate = _ =>
        {
            DieIf("before write");
            return WriteFateOf();
        };
        journal.Written = _ => DieIf("after write");
        journal.Fault = what => _trouble && _badDisk && Befalls($"journal-{what}", 0.1) ? $"simulated: the journal can't {what}" : null;
        Again(4, 30, Crash);
        Again(5, 30, () => _badDisk = !_badDisk && _dice.Chance(0.4));
        Again(10, 60, () => EndOne(Befalls("vm-dies", 0.7)));
        Again(30, 200, RebootHost);
        world.PowersDown = () => _trouble && Befalls("ignores-power-down", 0.3) ? null : dice.Seconds(0, 6);
        Again(3, 30, ChangeTemper);
        Again(10, 60, BreakConnection);
        Again(10, 60, () => OthersTake(Befalls("host-shrinks", 0.7)));
        world.Unseen = () => _trouble && Befalls("host-unseen", 0.01) ? "simulated: the host does not tell" : null;
        if (breaks)
            Again(20, 90, Reboot);
    }

    /// <summary>The names of what has befallen this history.</summary>
    public IReadOnlySet<string> Befell => _befell;

    public void Begin() => _trouble = true;

    public void End()
    {
        (_trouble, _badDisk, _dieAt) = (false, false, null);
        _host.World.OthersHold = MemorySize.Zero;
    }

    private void Again(double low, double high, Action act) => _host.World.Clock.After(_dice.Seconds(low, high), () =>
    {
        if (_trouble)
            act();
        Again(low, high, act);
    });

    private bool Befalls(string name, double chance)
    {
        if (_without.Contains(name) || !_dice.Chance(chance))
            return false;
        _befell.Add(name);
        return true;
    }

    private void Crash()
    {
        if (!Befalls("crash", 0.8))
            return;
        _dieAt = _dice.Of(["message", "before call", "after call", "before write", "after write"]);
        if (_dieAt != "message")
            return;
        _host.Kill(_dice.Below(30));
        _dieAt = null;
    }

    private void DieIf(string moment)
    {
        if (_dieAt != moment)
            return;
        _dieAt = null;
        _host.World.Log($"the daemon dies {moment}");
        _host.Kill();
    }

    private CallFate FateOf(string call)
    {
        if (!_trouble || !Befalls("call", call == "readSizes" ? 0.005 : 0.02))
            return CallFate.Done;
        return _dice.Of([CallFate.Refused, CallFate.DoneButFailed, CallFate.Silent, CallFate.DoneButSilent, CallFate.ConnectionLost]);
    }

    private (WriteFate Fate, TimeSpan Delay) WriteFateOf()
    {
        if (!_trouble)
            return (WriteFate.Written, _dice.Seconds(0, 0.003));
        if (!_badDisk)
            return (WriteFate.Written, _dice.Chance(0.5) ? TimeSpan.Zero : _dice.Seconds(0, 0.02));
        var fate = Befalls("journal-write", 0.05) ? WriteFate.Failed : Befalls("journal-unsure", 0.05) ? WriteFate.WrittenButFailed : WriteFate.Written;
        return (fate, Befalls("journal-slow", 0.3) ? _dice.Seconds(0.1, 3) : TimeSpan.Zero);
    }

    private void EndOne(bool befalls)
    {
        if (befalls && _host.World.Running.Count > 0)
        {
            var meant = _dice.Chance(0.3);
            _host.World.End(
                _dice.Of([.. _host.World.Running.Keys]), meant ? "its guest powered down" : "it died of itself", meant ? EndCause.PoweredDown : EndCause.Failed);
        }
    }

    private void RebootHost()
    {
        if (!Befalls("host-reboot", 0.6))
            return;
        _host.Kill();
        _host.World.Reboot();
    }

    private void ChangeTemper()
    {
        if (_host.World.Running.Count == 0 || !Befalls("temper", 0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running.Values]);
        vm.Guest.Temper = _dice.Chance(0.4) ? GuestTemper.Ideal : Another();
        _host.World.Log($"world: {vm.Id} is {vm.Guest.Temper} now");
    }

    private GuestTemper Another()
    {
        var temper = _dice.Of(_tempers);
        _host.World.Broken |= Breaking.Contains(temper);
        return temper;
    }

    /// <summary>Other programs take a part of what the ledger counts on, or give it back.</summary>
    private void OthersTake(bool befalls)
    {
        if (!befalls)
            return;
        var world = _host.World;
        world.OthersHold = world.OthersHold.IsZero ? MemorySize.FromMiB(_dice.Below(2000)) : MemorySize.Zero;
        world.Crowded |= !world.OthersHold.IsZero;
        world.Log($"world: other programs hold {world.OthersHold}");
    }

    private void Reboot()
    {
        if (_host.World.Running.Count == 0 || !Befalls("reboot", 0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running.Values]);
        _host.World.Log($"world: the guest of {vm.Id} reboots");
        vm.Guest.Reboot();
        // Its balloon is empty until it is told again, and its plugged memory comes back at once.
        _host.World.Broken = true;
        vm.TellSizesOnce();
    }

    private void BreakConnection()
    {
        if (_host.World.Running.Count == 0 || !Befalls("connection", 0.8))
            return;
        var vm = _dice.Of([.. _host.World.Running.Values]);
        _host.World.Log($"world: the connections to {vm.Id} break");
        vm.Tell(new Dmm.Core.Hypervisors.VmObservation.ConnectionLost("simulated: it broke"));
        vm.Break();
    }
}
