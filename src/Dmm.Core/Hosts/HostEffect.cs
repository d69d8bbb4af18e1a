using System.Collections.Immutable;
using Dmm.Core.Events;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// The effects that the host can have on the world. The driver of the machine carries out the effects of a decision in their order, once
/// its events are written.
/// </summary>
public abstract record HostEffect
{
    private HostEffect()
    {
    }

    /// <summary>Answers the sender of the command.</summary>
    public sealed record Reply(object Answer) : HostEffect;

    /// <summary>
    /// Sends a message to a VM's actor, where there is one: <see cref="VmProtocol.SetTarget"/>, <see cref="VmProtocol.Stop"/> or
    /// <see cref="VmProtocol.GoOn"/>.
    /// </summary>
    public sealed record TellVm(VmId Vm, IVmMessage Message) : HostEffect;

    /// <summary>Starts the actors of VMs, in this order. An actor that runs already reports again.</summary>
    /// <param name="All">True where there are no other VMs: actors of others are stopped.</param>
    public sealed record StartVms(ImmutableArray<VmId> Vms, bool All = false) : HostEffect;

    /// <summary>Stops a VM's actor, where there is one, and makes the predictor forget its model. The VM itself is not touched.</summary>
    public sealed record DropVm(VmId Vm) : HostEffect;

    /// <summary>Sends a message to the line of VMs to come.</summary>
    /// <param name="Forward">True where the answer goes to the sender of the command.</param>
    public sealed record TellAdmission(IAdmissionCommand Message, bool Forward = false) : HostEffect;

    /// <summary>Sets the processes that are looked at from now on.</summary>
    public sealed record WatchVms(ImmutableArray<VmHandle> Vms) : HostEffect;

    /// <summary>Asks the predictor for all forecasts, at the end of a period of planning.</summary>
    public sealed record AskForecasts : HostEffect;

    /// <summary>Sends <see cref="HostCommand.Plan"/> to the machine, after all messages that it has been sent by now.</summary>
    public sealed record PlanSoon : HostEffect;

    /// <summary>
    /// Sends <see cref="HostCommand.ReturnsDue"/> to the machine at that time. Replaces the time set before; null: never.
    /// </summary>
    public sealed record WakeForReturns(Moment? At) : HostEffect;

    /// <summary>The first plan is made: the ledger governs this many VMs.</summary>
    public sealed record InControl(int Vms) : HostEffect;

    /// <summary>Every VM that the journal knew has reported its sizes, or that it can't be reached.</summary>
    public sealed record AllHeard : HostEffect;

    /// <summary>Sends a notice to operators.</summary>
    /// <param name="Warn">True where the notice goes to the daemon's log, too.</param>
    public sealed record Notify(Notice What, bool Warn = false) : HostEffect;

    /// <summary>Passes the inputs and result of a plan to the part that explains decisions.</summary>
    public sealed record Explain(Planned Plan) : HostEffect;
}
