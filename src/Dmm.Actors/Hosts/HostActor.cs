using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;
using Dmm.Actors.Admission;
using Dmm.Actors.Supervision;
using Dmm.Actors.Vms;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Memory;

namespace Dmm.Actors.Hosts;

/// <summary>
/// Owns the ledger: what each VM of this host was promised. It is the only actor that writes the host's journal, as one stream in one
/// order, so that one replay restores the ledger before any VM's actor runs. It decides nothing: <see cref="HostMachine"/> decides, and
/// this actor recovers, persists and performs. It never calls a hypervisor: the VMs' actors report the facts. A failing journal ends this
/// actor; <see cref="DmmActor"/> starts the next one.
/// </summary>
public sealed class HostActor : ReceivePersistentActor, IWithTimers
{
    public const string Name = "host";

    private readonly House _house;
    private readonly HostSettings _settings;
    private readonly HostTenure _tenure;
    private readonly HostMachine _machine;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HostInbox<IActorRef> _inbox = new();

    /// <summary>One reading of the clocks for the whole replay, so that a clock step during the replay can't separate its times.</summary>
    private readonly Clocks _began;

    private Host _host;
    private IActorRef _admission = ActorRefs.Nobody;
    private IActorRef _monitor = ActorRefs.Nobody;
    private ICancelable? _nextReturn;
    private ImmutableArray<HistoryMark> _marks = [];
    private DateTimeOffset _historyBegan;
    private Exception? _journalFault;
    private Exception? _failure;
    private long _replayed;
    private long _snapshotAt;
    private bool _takenUp;
    private bool _takes;

    public HostActor(House house, HostTenure tenure)
    {
        (_house, _settings, _tenure) = (house, house.Host, tenure);
        _began = Clocks;
        _machine = new(_settings, house.Vms.Profile);
        _host = new(new HostState(new Ledger(_settings.Memory, _settings.Reserve)), _settings, house.Watch is not null);
        Command<IHostCommand>(command => Take(command, Sender));
        Command<TakeNext>(_ => TakeNow());
        Command<AdmissionProtocol.CreateVm>(create => _admission.Forward(create));
        JournalCommands();
    }

    public override string PersistenceId => "host";

    private Clocks Clocks => Clocks.Read(_house.Vms.Time);

    private DateTimeOffset HistoryNow => _historyBegan + (Clocks.Now - _began.Now);

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(House house, HostTenure tenure) => Akka.Actor.Props.Create(() => new HostActor(house, tenure));

    protected override void PostStop()
    {
        _nextReturn?.Cancel();
        _tenure.Keeper.Tell(new KeeperProtocol.Left(_takenUp ? _host.Status() : null, LastSequenceNr, _journalFault, _failure));
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr)
    {
        _journalFault = cause;
        _log.Error("the journal can't be written ({0}: {1}): nothing new is promised; the VMs keep their memory", @event.GetType().Name,
            cause.Message);
    }

    /// <summary>
    /// Stops the actor when an event can't be serialized, which is a fault of this program. The event's number is already used up, so the
    /// state must be read back from the journal.
    /// </summary>
    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        _log.Error(cause, "the journal refuses an event {0}; the host's actor restarts from what is in the journal", @event.GetType().Name);
        _journalFault = cause;
        Context.Stop(Self);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null) =>
        _journalFault = message is null || reason is JournalContentException
        ? reason
        : new JournalContentException(
            $"event {LastSequenceNr} ({message.GetType().Name}) does not follow from those before it: {reason.Message}", reason);

    private void Take(IHostCommand command, IActorRef asker)
    {
        _inbox.Put(command, asker);
        TakeSoon();
    }

    /// <summary>
    /// Sends itself a message that comes after everything in the mailbox, so that the inbox can first put the waiting commands in order.
    /// </summary>
    private void TakeSoon()
    {
        if (_takes || _inbox.Count == 0)
            return;
        _takes = true;
        Self.Tell(new TakeNext());
    }

    private void TakeNow()
    {
        _takes = false;
        try
        {
            if (_inbox.TryTake(out var command, out var asker))
                Decide(command, asker);
        }
        catch (Exception failure)
        {
            // The supervisor reports the failure.
            _failure = failure;
            throw;
        }

        TakeSoon();
    }

    private void Decide(IHostCommand command, IActorRef asker)
    {
        var decision = _machine.Decide(_host, command, Clocks);
        if (decision.Events.IsEmpty)
        {
            _host = decision.Host;
            Perform(decision, asker);
            return;
        }

        // Nothing else is decided until the events are written: Akka.Persistence holds back later messages.
        _tenure.Keeper.Tell(new KeeperProtocol.Writing(_host.Status()));
        var left = decision.Events.Length;
        PersistAll(decision.Events, _ =>
        {
            if (--left > 0)
                return;
            _tenure.Keeper.Tell(new KeeperProtocol.Written());
            _host = decision.Host;
            Perform(decision, asker);
            if (LastSequenceNr / _settings.SnapshotEvery > _snapshotAt / _settings.SnapshotEvery)
                TakeSnapshot();
        });
    }

    private void Perform(HostDecision decision, IActorRef asker)
    {
        foreach (var effect in decision.Effects)
            Perform(effect, asker);
    }

    private void Perform(HostEffect effect, IActorRef asker)
    {
        switch (effect)
        {
            case HostEffect.Reply reply:
                asker.Tell(reply.Answer);
                break;
            case HostEffect.TellVm tell:
                _tenure.Vms.Tell(new VmsProtocol.To(tell.Vm, tell.Message));
                break;
            case HostEffect.StartVms start:
                _tenure.Vms.Tell(new VmsProtocol.Start(start.Vms, start.All));
                break;
            case HostEffect.DropVm drop:
                _tenure.Vms.Tell(new VmsProtocol.Drop(drop.Vm));
                break;
            case HostEffect.AskForecasts:
                _tenure.Predictor.Tell(new PredictorProtocol.Emit(), _tenure.Keeper);
                break;
            case HostEffect.TellAdmission tell:
                _admission.Tell(tell.Message, tell.Forward ? asker : Self);
                break;
            case HostEffect.WatchVms watch:
                if (_monitor.IsNobody())
                    _monitor = Context.ActorOf(HostMonitorActor.Props(Self, _house.Watch!, _settings.WatchPeriod, watch.Vms), "monitor");
                else
                    _monitor.Tell(new HostMonitorProtocol.Watch(watch.Vms));
                break;
            case HostEffect.PlanSoon:
                Take(new HostCommand.Plan(), Self);
                break;
            case HostEffect.WakeForReturns wake:
                Wake(wake.At);
                break;
            case HostEffect.InControl control:
                _tenure.Keeper.Tell(new KeeperProtocol.InControl(control.Vms));
                break;
            case HostEffect.AllHeard:
                _tenure.Keeper.Tell(new KeeperProtocol.AllActors());
                break;
            case HostEffect.Notify notify:
                if (notify.Warn)
                    _log.Warning("{0}", notify.What.Text);
                Context.System.EventStream.Publish(notify.What);
                break;
            case HostEffect.Explain explain:
                Context.System.EventStream.Publish(explain.Plan);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "not an effect of the host");
        }
    }

    private void Wake(Moment? at)
    {
        _nextReturn?.Cancel();
        _nextReturn = null;
        if (at is not { } then)
            return;
        var wait = then - Clocks.Now;
        if (wait <= TimeSpan.Zero)
            Self.Tell(new HostCommand.ReturnsDue());
        else
            _nextReturn = Context.System.Scheduler.ScheduleTellOnceCancelable(wait, Self, new HostCommand.ReturnsDue(), Self);
    }

    private void JournalCommands()
    {
        Recover<IHostEvent>(Replay);
        Recover<SnapshotOffer>(Replay);
        Recover<RecoveryCompleted>(_ => TakeUp());
        Command<SaveSnapshotSuccess>(Saved);
        Command<SaveSnapshotFailure>(
            failure => _log.Warning(
                "the snapshot of the host's journal could not be saved, so replay will take longer: {0}", failure.Cause.Message));
        Command<DeleteMessagesSuccess>(_ => { });
        Command<DeleteMessagesFailure>(
            failure => _log.Warning("old events could not be deleted, the next snapshot tries again: {0}", failure.Cause.Message));
        Command<DeleteSnapshotsSuccess>(_ => { });
        Command<DeleteSnapshotsFailure>(
            failure => _log.Warning("old snapshots could not be deleted, the next one tries again: {0}", failure.Cause.Message));
    }

    private void Replay(SnapshotOffer offer)
    {
        var snapshot = (HostSnapshot)offer.Snapshot;
        _host = _host with { State = snapshot.Events.Aggregate(_host.State, (state, e) => state.Apply(e, _began)) };
        (_marks, _replayed, _snapshotAt) = (snapshot.Marks, offer.Metadata.SequenceNr, offer.Metadata.SequenceNr);
    }

    private void Replay(IHostEvent e)
    {
        // A promise that is missing from the journal may be promised twice: no ledger is better than a wrong one.
        if (LastSequenceNr != _replayed + 1)
            throw new JournalContentException($"event {_replayed + 1} is missing: {LastSequenceNr} comes after {_replayed}");
        _replayed = LastSequenceNr;
        _host = _host with { State = _host.State.Apply(e, _began) };
        if (LastSequenceNr > _tenure.ToldUpTo && HostNotices.Of(e) is { } happened)
            Context.System.EventStream.Publish(happened);
    }

    private void TakeUp()
    {
        _historyBegan = History.Start(_marks, _began.Wall, _settings.History);
        _admission = Context.ActorOf(AdmissionActor.Props(Self, _settings.Admission, _house.Vms.Time), "admission");
        Timers.StartPeriodicTimer("beat", new HostCommand.Beat(), _settings.PlanPeriod);
        _takenUp = true;
        _tenure.Keeper.Tell(new KeeperProtocol.Replayed(_host.Status()));
        Decide(new HostCommand.TakeUp(_house.Watch?.BootId), Self);
    }

    private void TakeSnapshot()
    {
        _snapshotAt = LastSequenceNr;
        _marks = History.Note(_marks, new(LastSequenceNr, HistoryNow), _settings.History);
        SaveSnapshot(new HostSnapshot(_host.State.Condense(Clocks)) { Marks = _marks });
    }

    /// <summary>Deletes only what the saved snapshot makes unnecessary, and only what is old enough.</summary>
    private void Saved(SaveSnapshotSuccess saved)
    {
        DeleteSnapshots(new SnapshotSelectionCriteria(saved.Metadata.SequenceNr - 1));
        if (History.Delete(_marks, saved.Metadata.SequenceNr, HistoryNow, _settings.History) is not { } delete)
            return;
        DeleteMessages(delete.UpTo);
        _marks = delete.Left;
    }

    private sealed record TakeNext;
}
