using Akka.Actor;
using Dmm.Actors.Vms;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;

namespace Dmm.Actors.Supervision;

/// <summary>Everything that the actors of a host are built from.</summary>
public sealed record House(IHypervisor Hypervisor, IJournalStore Store)
{
    public required HostSettings Host { get; init; }

    public VmActorSettings Vms { get; init; } = new();

    public DemandSettings Demand { get; init; } = new();

    /// <summary>The store of what the models have learnt; null: nothing is kept.</summary>
    public IModelStore? Models { get; init; }

    public required KeeperSettings Keeper { get; init; }

    /// <summary>The monitor of the host; null: the host is assumed to have what the settings say.</summary>
    public IHostMonitor? Watch { get; init; }
}

/// <summary>The actors that an incarnation of the host's actor works with.</summary>
/// <param name="Keeper">The actor that is told of writes and of the end.</param>
/// <param name="ToldUpTo">The number of the last event that an earlier incarnation reported to operators.</param>
public sealed record HostTenure(IActorRef Keeper, IActorRef Vms, IActorRef Predictor, long ToldUpTo);
