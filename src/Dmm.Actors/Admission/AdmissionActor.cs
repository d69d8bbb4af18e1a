using Akka.Actor;
using Dmm.Actors.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Actors.Admission;

/// <summary>
/// The queue of VMs that want to be created here, first come first served, each with its deadline. It takes no memory: the host's ledger
/// does, for the one at the head. What must be remembered is written by the host, which hands the queue back after a restart.
/// </summary>
public sealed class AdmissionActor : ReceiveActor, IWithTimers
{
    private readonly IActorRef _host;
    private readonly AdmissionSettings _settings;
    private readonly List<VmId> _queue = [];
    private readonly Dictionary<VmId, (IActorRef Asker, AdmissionProtocol.CreateVm Request)> _asked = [];
    private readonly HashSet<VmId> _launching = [];
    private VmId? _gathering;

    public AdmissionActor(IActorRef host, AdmissionSettings settings)
    {
        (_host, _settings) = (host, settings);
        Receive<AdmissionProtocol.CreateVm>(Create);
        Receive<HostProtocol.RequestRecorded>(recorded =>
        {
            if (_asked.Remove(recorded.Vm, out var asked))
                asked.Asker.Tell(new HostProtocol.Done(recorded.Vm, "accepted: it starts as soon as its memory is free", asked.Request.Notes));
            _queue.Add(recorded.Vm);
            if (!Timers.IsTimerActive(recorded.Vm))
                Self.Tell(new DeadlinePassed(recorded.Vm));
            GatherNext();
        });
        Receive<RecordRefused>(refused =>
        {
            Timers.Cancel(refused.Vm);
            if (_asked.Remove(refused.Vm, out var asked))
                asked.Asker.Tell(refused.Refusal);
        });
        Receive<AdmissionProtocol.Restore>(Restore);
        Receive<AdmissionProtocol.Launching>(launching =>
        {
            _launching.Add(launching.Vm);
            Timers.Cancel(launching.Vm);
            GatherNext();
        });
        Receive<AdmissionProtocol.Finished>(finished => Leave(finished.Vm));
        Receive<DeadlinePassed>(late => GiveUp(late.Vm, AdmissionEnd.Expired, "its peers did not make room before its deadline"));
        Receive<AdmissionProtocol.Cancel>(Cancel);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IActorRef host, AdmissionSettings settings) => Akka.Actor.Props.Create(() => new AdmissionActor(host, settings));

    /// <summary>The host's refusal of <see cref="HostProtocol.RecordRequest"/>, with the name that it is about.</summary>
    public sealed record RecordRefused(VmId Vm, HostProtocol.Refused Refusal);

    private void Create(AdmissionProtocol.CreateVm request)
    {
        var vm = request.Spec.Id;
        if (_queue.Contains(vm) || _asked.ContainsKey(vm))
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{vm} is being created already; use another name"));
            return;
        }

        if (_queue.Count + _asked.Count >= _settings.Queue)
        {
            Sender.Tell(new HostProtocol.Refused(
                HostProtocol.RefusalKind.Refused, $"{_queue.Count} VMs wait to be created already, as many as dmm.admission.queue allows; try again later"));
            return;
        }

        var timeout = request.Timeout ?? _settings.Deadline;
        _asked[vm] = (Sender, request);
        Timers.StartSingleTimer(vm, new DeadlinePassed(vm), timeout);
        _host.Tell(new HostProtocol.RecordRequest(request.Spec, request.Overhead, Context.System.Scheduler.Now + timeout));
    }

    private void Restore(AdmissionProtocol.Restore restore)
    {
        foreach (var wanted in restore.Queue)
        {
            _queue.Add(wanted.Vm);
            if (wanted.Launching)
            {
                _launching.Add(wanted.Vm);
                continue;
            }

            var left = wanted.Deadline - Context.System.Scheduler.Now;
            Timers.StartSingleTimer(wanted.Vm, new DeadlinePassed(wanted.Vm), left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }

        GatherNext();
    }

    private void Cancel(AdmissionProtocol.Cancel cancel)
    {
        if (!_queue.Contains(cancel.Vm))
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.NotFound, $"there is no VM {cancel.Vm} on this host"));
            return;
        }

        if (_launching.Contains(cancel.Vm))
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{cancel.Vm} is being launched right now; stop it once it runs"));
            return;
        }

        GiveUp(cancel.Vm, AdmissionEnd.Cancelled, "cancelled by its operator");
        Sender.Tell(new HostProtocol.Done(cancel.Vm, "no longer wanted", []));
    }

    private void GiveUp(VmId vm, AdmissionEnd end, string why)
    {
        if (!_launching.Contains(vm) && _queue.Contains(vm))
            _host.Tell(new HostProtocol.GiveUp(vm, end, why));
    }

    private void Leave(VmId vm)
    {
        Timers.Cancel(vm);
        _queue.Remove(vm);
        _launching.Remove(vm);
        if (_gathering == vm)
            _gathering = null;
        GatherNext();
    }

    /// <summary>Memory is gathered for one VM at a time, the first that is not being launched yet.</summary>
    private void GatherNext()
    {
        var next = _queue.Where(vm => !_launching.Contains(vm)).Select(vm => (VmId?)vm).FirstOrDefault();
        if (next is { } vm && next != _gathering)
            _host.Tell(new HostProtocol.Gather(vm));
        _gathering = next;
    }

    private sealed record DeadlinePassed(VmId Vm);
}
