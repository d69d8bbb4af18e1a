using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>One history: periods of trouble, each followed by a calm in which everything must come to rest.</summary>
internal sealed class ActorHistory
{
    /// <summary>Once a calm begins, everything must have come to rest within this time.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>A VM that has not returned within this time after a calm began does not find room.</summary>
    private static readonly TimeSpan ReturnPatience = TimeSpan.FromMinutes(2);

    /// <summary>
    /// The journal must be quiet for this long before the host counts as at rest. It is longer than the period of anything that is
    /// checked repeatedly.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    private readonly SimulationPlan _plan;
    private readonly SeededRandom _dice;
    private readonly SimulatedHost _host;
    private readonly Operators _operators;
    private readonly Hazards _hazards;
    private readonly SeededRandom _drains;
    private bool _calm;
    private DateTimeOffset _calmSince;

    public ActorHistory(SimulationPlan plan, HistoryLog log)
    {
        (_plan, _dice) = (plan, new(plan.Seed));
        _host = new(new(), _dice.Split(), log, plan.OneClock);
        _operators = new(_host.World, _dice.Split(), plan.Vms ?? 1 + _dice.Below(6));
        _hazards = new(_host, _dice.Split(), new(~plan.Seed), plan.Without);
        _drains = new(plan.Seed ^ 0xD7A1);
    }

    public SimulationResult Live(CancellationToken cancellation)
    {
        _host.Start();
        _host.Clock.After(TimeSpan.FromSeconds(1), OperatorActs);
        _host.Clock.After(TimeSpan.FromSeconds(1), LoadChanges);
        if (_plan.Drains)
            _host.Clock.After(TimeSpan.FromSeconds(5), HostIsDrained);
        Trouble();
        while (_host.Steps < _plan.Steps && _host.Violation is null && !cancellation.IsCancellationRequested)
        {
            _host.Step();
            if (_calm && _host.Daemon?.Status is { } status)
                CheckRest(_host.Daemon, status);
        }

        return new(_plan.Seed, _host.Steps, _host.Deaths, _host.Violation)
        {
            Faults = _hazards.Befell,
            RequestSteps = _host.RequestSteps.Seen,
        };
    }

    private void Trouble()
    {
        _host.Say("trouble begins");
        _calm = false;
        _hazards.Begin();
        _host.Clock.After(_dice.Seconds(20, 90), Calm);
    }

    private void Calm()
    {
        _host.Say("calm begins");
        (_calm, _calmSince) = (true, _host.Clock.Now);
        _hazards.End();
        foreach (var vm in _host.World.Running)
            vm.Wish = MemorySize.FromMiB(24);
    }

    private void OperatorActs()
    {
        if (!_calm && _host.Daemon is { } daemon)
            _operators.AskSomething(daemon);
        _host.Clock.After(_dice.Seconds(0.1, 4), OperatorActs);
    }

    private void HostIsDrained()
    {
        if (!_calm && _host.Daemon is { } daemon)
            Operators.Drain(daemon, _drains);
        _host.Clock.After(_drains.Seconds(1, 20), HostIsDrained);
    }

    private void LoadChanges()
    {
        if (!_calm && _host.World.Running.Count > 0)
        {
            var vm = _dice.Of([.. _host.World.Running]);
            vm.Wish = MemorySize.FromMiB(24 + _dice.Below(_dice.Chance(0.3) ? 1500 : 300));
            vm.TakeRate = MemorySize.FromMiB(8 + _dice.Below(400));
            _host.Say($"world: {vm.Id} would hold {vm.Wish}, at {vm.TakeRate} a second");
        }

        _host.Clock.After(_dice.Seconds(0.3, 4), LoadChanges);
    }

    private void CheckRest(ActorDaemon daemon, HostProtocol.Status status)
    {
        var late = _host.Clock.Now - _calmSince > Patience;
        if (_host.Clock.Now - _calmSince > ReturnPatience && daemon.Open.Count == 0)
            Operators.StopReturning(daemon, status);
        if (_host.Clock.Now - _calmSince < Quiet || _host.Clock.Now - _host.WrittenAt < Quiet)
        {
            if (late)
                _host.Violated("all comes to rest", $"the journal is still written to {Patience} after the last trouble");
            return;
        }

        var amiss = (status.State.Drain is null ? null : "the host is drained")
            ?? ActorInvariants.Settled(status, _host.World)
            ?? _host.Wishes.Unmet(status.State)
            ?? (daemon.Open is [var open, ..] ? $"'{open.Text}' of {open.At:HH:mm:ss.fff} was never answered" : null);
        if (amiss is null)
        {
            _host.Say("all is at rest");
            Trouble();
            return;
        }

        if (daemon.Open.Count == 0)
            Operators.LetGo(daemon, status);
        if (late)
            _host.Violated("all comes to rest", amiss);
    }
}
