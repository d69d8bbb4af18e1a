using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>The world around the ledger: what the host really has, and what is said when the invariant is broken.</summary>
public sealed partial class HostActor
{
    private readonly IHostWatch? _watch;
    private IActorRef _eye = ActorRefs.Nobody;
    private ImmutableArray<VmHandle> _watched = [];
    private HostOutlook _outlook = new(MemorySize.Zero);
    private MemorySize _saidMemory;
    private string? _blind;

    /// <summary>Who has told what its process holds since the last look.</summary>
    private readonly HashSet<VmId> _heardOf = [];
    private Keepers _keepers = new();
    private bool _inDeficit;

    /// <summary>Before the first look nothing is promised: what there is is not known.</summary>
    private bool HasLooked => _watch is null || _outlook.Sight is not null || _blind is not null;

    /// <summary>As set, but with the cushion that the host's pressure asks for.</summary>
    private HostSettings SettingsNow => _settings with { Cushion = _outlook.Cushion(_settings.Rules) };

    private void WorldCommands()
    {
        _outlook = new(_settings.Memory);
        _saidMemory = _settings.Memory;
        Command<HostEyeProtocol.Saw>(Saw);
        Command<HostEyeProtocol.Blind>(Blind);
    }

    private void OpenEye()
    {
        _watched = WhoRuns();
        if (_watch is { } watch)
            _eye = Context.ActorOf(HostEyeActor.Props(Self, watch, _settings.WatchPeriod, _watched), "eye");
    }

    private void Saw(HostEyeProtocol.Saw saw)
    {
        // What one that has ended since then held would be counted as the host's and as nobody's: the next look knows better.
        if (HasLooked && saw.Vms.Any(vm => !_state.Vms.ContainsKey(vm.Id) && !_state.LetGo.ContainsKey(vm.Id)))
        {
            WatchWhoRuns();
            return;
        }

        var gone = saw.Vms.Where(vm => _state.LetGo.GetValueOrDefault(vm.Id) == vm && saw.Sight.Gone.Contains(vm.Id)).Select(vm => vm.Id).ToList();
        if (gone.Count == 0)
            See(saw.Sight);
        foreach (var vm in gone)
        {
            Record(new LetGoEnded(Wall, vm), _ =>
            {
                // What was seen counts against what is claimed once all are known to be gone.
                if (vm != gone[^1])
                    return;
                See(saw.Sight);
                QueuePlan();
            });
        }
    }

    private void See(HostSight sight)
    {
        var (first, before) = (!HasLooked, _outlook);
        if (_blind is not null)
            Happened(new(Wall, "hostSeen", null, "the host's memory can be read again"));
        _blind = null;
        var (claimed, seen) = (_state.Ledger.Claimed, _state.Ledger.See(sight.Resident, _heardOf));
        _heardOf.Clear();
        _outlook = before.Take(sight, seen, _settings.Rules, Now);
        _state = _state with { Ledger = seen.Follow(_outlook.Memory) };
        WatchWhoRuns();
        SayMemory();
        if ((before.CushionFactor > 1) != (_outlook.CushionFactor > 1))
        {
            Happened(_outlook.Pressure is { } pressure
                ? new(Wall, "hostPressure", null, $"{pressure} on the host: the cushion grows from {_settings.Cushion} to as much as {_settings.Rules.CushionMax}", _settings.Cushion, _settings.Rules.CushionMax)
                : new(Wall, "hostCalm", null, $"the host is calm: the cushion is {_settings.Cushion} again", null, _settings.Cushion));
        }

        SayKeepers();
        SayDeficit();
        if (first || claimed != seen.Claimed || before.Memory != _outlook.Memory || before.CushionFactor != _outlook.CushionFactor)
            QueuePlan();
    }

    private void Blind(HostEyeProtocol.Blind blind)
    {
        var first = !HasLooked;
        if (_blind is null)
        {
            _log.Warning("the host's memory can't be read: {0}; {1} stands", blind.Why, _outlook.Memory);
            Happened(new(Wall, "hostUnseen", null, $"the host's memory can't be read: {blind.Why}; what was known last stands: {_outlook.Memory}"));
        }

        _blind = blind.Why;
        if (first)
            QueuePlan();
    }

    private void WatchWhoRuns()
    {
        var vms = WhoRuns();
        if (vms.SequenceEqual(_watched))
            return;
        _watched = vms;
        _eye.Tell(new HostEyeProtocol.Watch(vms));
    }

    /// <summary>Those that were let go of are watched until they are gone: what they hold is nobody else's.</summary>
    private ImmutableArray<VmHandle> WhoRuns() =>
        [.. _state.Vms.Where(vm => !_ofAnotherBoot.Contains(vm.Key)).Select(vm => vm.Value.Handle), .. _state.LetGo.Values];

    /// <summary>Said where it matters: not each step of a neighbour that grows.</summary>
    private void SayMemory()
    {
        var (now, said) = (_outlook.Memory, _saidMemory);
        var moved = now > said ? now - said : said - now;
        if (moved.IsZero || (moved < said.Scale(0.05) && now < _settings.Memory && said < _settings.Memory))
            return;
        _saidMemory = now;
        Happened(new(Wall, "hostMemory", null,
            now < said ? $"DMM can count on {now} of the host, {moved} less: {_outlook.Why}" : $"DMM can count on {now} of the host again", said, now));
    }

    private void SayKeepers()
    {
        (_keepers, var began, var ended) = _keepers.Look(_state.Ledger);
        foreach (var vm in began)
        {
            // Whatever it gives, its host does not have it: no plan for a VM to come counts on it as on others.
            _movers[vm] = _movers.GetValueOrDefault(vm, new()).Kept();
            Happened(new(Wall, "keepsMemory", vm, Keepers.Text(_state.Ledger.Claims[vm])));
        }

        foreach (var vm in ended)
            Happened(new(Wall, "gaveBack", vm, "its process holds no more than it has and was granted: the host has its memory back"));
    }

    private void SayDeficit()
    {
        var deficit = _state.Ledger.Deficit;
        if (_inDeficit == !deficit.IsZero)
            return;
        _inDeficit = !deficit.IsZero;
        if (!_inDeficit)
        {
            Happened(new(Wall, "deficitOver", null, "claims fit the host again"));
            return;
        }

        var text = DeficitText();
        _log.Warning("{0}", text);
        Happened(new(Wall, "deficit", null, text, _state.Ledger.HostMemory, _state.Ledger.Committed));
        QueuePlan();
    }

    private string DeficitText() => Deficits.Text(
        _state.Ledger, _settings.Memory, _outlook.Why, vm => _state.Vms.TryGetValue(vm, out var record) ? record.Overhead : MemorySize.Zero);

    private HostProtocol.Status StatusNow() => new(_state, _reports, _forecasts, SettingsNow.Cushion)
    {
        ConfiguredMemory = _settings.Memory,
        Outlook = _outlook,
        Problems = [.. _inDeficit ? [DeficitText()] : (string[])[], .. _blind is { } why ? [$"the host's memory can't be read: {why}; what was known last stands"] : (string[])[]],
        Waits = _waits,
        InFlight = _operations.InFlight,
        Held = _operations.Held,
    };
}
