using System.Collections.Immutable;
using Dmm.Core.Demand;

namespace Dmm.Core.Hosts;

/// <summary>
/// A plan was made and told: all that led to it, published by the host's actor after each. Nothing is copied for it, since all of it is
/// immutable.
/// </summary>
/// <param name="Tick">The period was over; else a single VM's pressure, or something that changed, led to the plan.</param>
/// <param name="State">With the plan's promises in it.</param>
/// <param name="Held">Who has a new target and waits for its turn, and since when.</param>
/// <param name="Settings">As they were for this plan, with the cushion of that moment.</param>
public sealed record Planned(
    Clocks At,
    bool Tick,
    HostPlan Plan,
    HostState State,
    ImmutableDictionary<VmId, VmProtocol.Report> Reports,
    ImmutableDictionary<VmId, Forecast> Forecasts,
    ImmutableSortedDictionary<VmId, Moment> Held,
    HostSettings Settings);
