using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;

namespace Dmm.Simulation.Core;

/// <summary>The host's journal: its content outlives every daemon. A snapshot replaces the events before it.</summary>
internal sealed class Journal
{
    private static readonly MemorySize Boundless = MemorySize.FromGiB(1 << 20);

    private readonly List<IHostEvent> _events = [];
    private ImmutableArray<IHostEvent> _snapshot = [];

    public long Count { get; private set; }

    /// <summary>The fold of all events that were ever written: what was promised, regardless of what the host has.</summary>
    public HostState Truth { get; private set; } = new(new Ledger(Boundless, MemorySize.Zero));

    /// <param name="made">The clocks at the time of the decision.</param>
    public void Append(IHostEvent e, Clocks made)
    {
        _events.Add(e);
        Count++;
        Truth = Truth.Apply(e, made);
    }

    /// <summary>Keeps <paramref name="condensed"/> in place of the events up to <paramref name="count"/>.</summary>
    public void Snapshot(ImmutableArray<IHostEvent> condensed, long count)
    {
        _snapshot = condensed;
        _events.RemoveRange(0, _events.Count - (int)(Count - count));
    }

    public HostState Replay(Ledger empty, Clocks now)
    {
        var state = new HostState(empty);
        foreach (var e in _snapshot)
            state = state.Apply(e, now);
        foreach (var e in _events)
            state = state.Apply(e, now);
        return state;
    }
}
