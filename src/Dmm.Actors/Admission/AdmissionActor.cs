using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Admission;

/// <summary>
/// The line of VMs to come: whose turn it is, which VMs shrink by how much for which, and deadlines. <see cref="AdmissionMachine"/>
/// decides. This actor passes its requests to the host's actor, which alone grants memory; it also keeps the deadline timer and sends the
/// answers. It holds no state that can't be rebuilt from the host's picture.
/// </summary>
public sealed class AdmissionActor : ReceiveActor, IWithTimers
{
    private const string Deadline = "deadline";

    private readonly IActorRef _host;
    private readonly AdmissionMachine _machine;
    private readonly TimeProvider _time;
    private Admissions _line = new();

    public AdmissionActor(IActorRef host, AdmissionSettings settings, TimeProvider time)
    {
        (_host, _machine, _time) = (host, new(settings), time);
        Receive<IAdmissionCommand>(command =>
        {
            (_line, var effects) = _machine.Decide(_line, command, Sender, Clocks.Read(_time));
            foreach (var effect in effects)
                Perform(effect);
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IActorRef host, AdmissionSettings settings, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new AdmissionActor(host, settings, time));

    protected override void PreStart() => _host.Tell(new HostProtocol.LineStarted());

    /// <summary>Answers everyone who still waits: the journal that was to record their wish has failed.</summary>
    protected override void PostStop()
    {
        foreach (var (vm, asker) in _line.Asked.Select(a => (a.Key, a.Value.Asker)).Concat(_line.Cancelling.Select(c => (c.Key, c.Value))))
            ((IActorRef)asker)
                .Tell(new HostProtocol.Refused(
                    HostProtocol.RefusalKind.Unavailable, $"{vm} could not be recorded; 'dmm host show' says why; try again later"));
    }

    private void Perform(AdmissionEffect effect)
    {
        switch (effect)
        {
            case AdmissionEffect.Reply reply:
                ((IActorRef)reply.Asker).Tell(reply.Answer);
                break;
            case AdmissionEffect.AskHost ask:
                _host.Tell(ask.Command);
                break;
            case AdmissionEffect.WakeAt { At: { } at }:
                var wait = at - Clocks.MomentOf(_time);
                Timers.StartSingleTimer(Deadline, new AdmissionProtocol.DeadlineCame(), wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
                break;
            case AdmissionEffect.WakeAt:
                Timers.Cancel(Deadline);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "not an effect of the line of VMs to come");
        }
    }
}
