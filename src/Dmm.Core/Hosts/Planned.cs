using System.Collections.Immutable;
using Dmm.Core.Demand;

namespace Dmm.Core.Hosts;

/// <summary>
/// A plan that was made and told, with all its inputs. The host's actor publishes one after each plan. Nothing is copied for it, since all
/// of it is immutable.
/// </summary>
/// <param name="Tick">True where the period was over; otherwise a single VM's pressure, or a change, led to the plan.</param>
/// <param name="State">The state that includes the plan's promises.</param>
/// <param name="Held">The VMs that have a new target and wait for their turn, and since when.</param>
/// <param name="Settings">The settings for this plan, with the cushion of that moment.</param>
public sealed record Planned(
    Clocks At,
    bool Tick,
    HostPlan Plan,
    HostState State,
    ImmutableDictionary<VmId, VmProtocol.Report> Reports,
    ImmutableDictionary<VmId, Forecast> Forecasts,
    ImmutableSortedDictionary<VmId, Moment> Held,
    HostSettings Settings);
