using System.Collections.Immutable;
using Dmm.Core.Events;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// All that the host can do to the world. Whoever drives the machine carries the effects of a decision out in their order, once its events
/// are written.
/// </summary>
public abstract record HostEffect
{
    private HostEffect()
    {
    }

    /// <summary>Answers whoever gave the command.</summary>
    public sealed record Reply(object Answer) : HostEffect;

    /// <summary>
    /// Tells a VM's actor, where there is one: <see cref="VmProtocol.SetTarget"/>, <see cref="VmProtocol.Stop"/> or
    /// <see cref="VmProtocol.GoOn"/>.
    /// </summary>
    public sealed record TellVm(VmId Vm, IVmMessage Message) : HostEffect;

    /// <summary>Starts the actors of VMs, in this order; one that runs already tells anew what it has told.</summary>
    /// <param name="All">There are no other VMs: what is left of others is stopped.</param>
    public sealed record StartVms(ImmutableArray<VmId> Vms, bool All = false) : HostEffect;

    /// <summary>Stops a VM's actor, where there is one, and lets the predictor forget its model. The VM itself is not touched.</summary>
    public sealed record DropVm(VmId Vm) : HostEffect;

    /// <summary>Tells the line of VMs to come.</summary>
    /// <param name="Forward">The answer goes to whoever gave the command.</param>
    public sealed record TellAdmission(IAdmissionCommand Message, bool Forward = false) : HostEffect;

    /// <summary>These are the processes to be looked at from now on.</summary>
    public sealed record WatchVms(ImmutableArray<VmHandle> Vms) : HostEffect;

    /// <summary>Asks the predictor for all forecasts: a period of planning is over.</summary>
    public sealed record AskForecasts : HostEffect;

    /// <summary>Says <see cref="HostCommand.Plan"/> to the machine, behind whatever has been said to it by now.</summary>
    public sealed record PlanSoon : HostEffect;

    /// <summary>
    /// Says <see cref="HostCommand.ReturnsDue"/> to the machine then, in the place of what was asked for before; null: not at all.
    /// </summary>
    public sealed record WakeForReturns(Moment? At) : HostEffect;

    /// <summary>The first plan is made: the ledger governs so many VMs.</summary>
    public sealed record InControl(int Vms) : HostEffect;

    /// <summary>Every VM that the journal knew has reported its sizes, or that it can't be reached.</summary>
    public sealed record AllHeard : HostEffect;

    /// <summary>Tells operators.</summary>
    /// <param name="Warn">It stands in the daemon's log, too.</param>
    public sealed record Notify(Notice What, bool Warn = false) : HostEffect;

    /// <summary>Tells those who explain decisions what a plan was made of.</summary>
    public sealed record Explain(Planned Plan) : HostEffect;
}
