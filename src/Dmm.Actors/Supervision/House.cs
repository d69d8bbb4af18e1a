using Akka.Actor;
using Dmm.Actors.Vms;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;

namespace Dmm.Actors.Supervision;

/// <summary>All that the actors of a host are made of.</summary>
public sealed record House(IHypervisor Hypervisor, IJournalStore Store)
{
    public required HostSettings Host { get; init; }

    public VmActorSettings Vms { get; init; } = new();

    public DemandSettings Demand { get; init; } = new();

    public AdmissionSettings Admission { get; init; } = new();

    public required KeeperSettings Keeper { get; init; }

    /// <summary>Null: the host is taken to have what the settings say.</summary>
    public IHostMonitor? Watch { get; init; }
}

/// <summary>Whom an incarnation of the host's actor is among.</summary>
/// <param name="Keeper">Who hears of writes, and of its end.</param>
/// <param name="ToldUpTo">Events up to here were told to operators by an earlier incarnation.</param>
public sealed record HostTenure(IActorRef Keeper, IActorRef Vms, IActorRef Predictor, long ToldUpTo);
