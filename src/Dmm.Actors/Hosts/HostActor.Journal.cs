using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;
using Dmm.Actors.Admission;
using Dmm.Actors.Journals;
using Dmm.Actors.Prediction;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>
/// The host's part with its journal: one replay brings the ledger back, the first plan follows at once, and the VMs' actors are started after that,
/// a few at a time, so that a thousand of them hold nothing up. A journal that fails ends this actor; <see cref="HostKeeper"/> starts the next.
/// </summary>
public sealed partial class HostActor
{
    /// <summary>Between two batches whatever else waits has its turn.</summary>
    private const int SpawnBatch = 25;

    private readonly Queue<VmId> _toSpawn = new();
    private readonly HashSet<VmId> _unheard = [];

    /// <summary>The whole replay goes by one reading of the clocks, so that no step in its middle tears its times apart.</summary>
    private readonly Clocks _began;
    private ImmutableArray<HistoryMark> _marks = [];
    private DateTimeOffset _historyBegan;
    private Exception? _journalFault;
    private long _replayed;
    private bool _takenUp;
    private bool _inControl;
    private bool _heardAll;

    protected override void PostStop()
    {
        _nextReturn?.Cancel();
        _tenure.Keeper.Tell(new KeeperProtocol.Left(_takenUp ? StatusNow() : null, LastSequenceNr, _journalFault));
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr)
    {
        _journalFault = cause;
        _log.Error("the journal can't be written ({0}: {1}): nothing new is promised, the VMs keep their memory", @event.GetType().Name, cause.Message);
    }

    /// <summary>An event that can't be put into words is a fault of this program: its number is used up, so that the actor must be read back from what stands.</summary>
    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        _log.Error(cause, "the journal refuses an event {0}; the host's actor starts anew from what stands in it", @event.GetType().Name);
        _journalFault = cause;
        Context.Stop(Self);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => _journalFault = message is null || reason is JournalContentException
        ? reason
        : new JournalContentException($"event {LastSequenceNr} ({message.GetType().Name}) does not follow from those before it: {reason.Message}", reason);

    private void JournalCommands()
    {
        Recover<IHostEvent>(Replay);
        Recover<SnapshotOffer>(Replay);
        Recover<RecoveryCompleted>(_ => TakeUp());
        Command<SpawnNext>(_ => SpawnSome());
        Command<SaveSnapshotSuccess>(Saved);
        Command<SaveSnapshotFailure>(failure => _log.Warning("the snapshot of the host's journal could not be saved, so that replay will be longer: {0}", failure.Cause.Message));
        Command<DeleteMessagesSuccess>(_ => { });
        Command<DeleteMessagesFailure>(failure => _log.Warning("old events could not be deleted, the next snapshot tries again: {0}", failure.Cause.Message));
        Command<DeleteSnapshotsSuccess>(_ => { });
        Command<DeleteSnapshotsFailure>(failure => _log.Warning("old snapshots could not be deleted, the next one tries again: {0}", failure.Cause.Message));
    }

    private void Replay(SnapshotOffer offer)
    {
        var snapshot = (HostSnapshot)offer.Snapshot;
        _state = snapshot.Events.Aggregate(_state, (state, e) => state.Apply(e, _began));
        (_marks, _replayed) = (snapshot.Marks, offer.Metadata.SequenceNr);
    }

    private void Replay(IHostEvent e)
    {
        // A promise that is missing may have been given twice: better no ledger than a wrong one.
        if (LastSequenceNr != _replayed + 1)
            throw new JournalContentException($"event {_replayed + 1} is missing: {LastSequenceNr} comes after {_replayed}");
        _replayed = LastSequenceNr;
        _state = _state.Apply(e, _began);
        if (LastSequenceNr > _tenure.ToldUpTo)
            Happened(HostHappenings.Of(e));
    }

    private DateTimeOffset HistoryNow => _historyBegan + (Now - _began.Now);

    private void TakeUp()
    {
        _historyBegan = History.Start(_marks, _began.Wall, _settings.History);
        _predictor = Context.ActorOf(PredictorActor.Props(Self, _demandSettings, _settings.PlanPeriod, _vmSettings.Time), "predictor");
        _admission = Context.ActorOf(AdmissionActor.Props(Self, _admissionSettings, _vmSettings.Time), "admission");
        EndThoseOfAnotherBoot();
        OpenEye();
        foreach (var vm in _state.Vms.Keys.Where(vm => !_ofAnotherBoot.Contains(vm)).Concat(_state.Admissions.Where(a => a.Value.State == AdmissionState.Launching).Select(a => a.Key)))
            _toSpawn.Enqueue(vm);
        _unheard.UnionWith(_state.Vms.Keys.Except(_ofAnotherBoot));
        _takenUp = true;
        _tenure.Keeper.Tell(new KeeperProtocol.Replayed(StatusNow()));
        _admission.Tell(new AdmissionProtocol.Restore(
            [.. _state.Admissions.Values.OrderBy(a => a.Number).Select(a => new AdmissionProtocol.Wanted(a.Spec.Id, a.Deadline, a.Reserved is not null))]));
        if (_state.Vms.Count > 0)
            Happened(new(Wall, "recovered", null, $"{_state.Vms.Count} VMs and {_state.Admissions.Count} admissions from the journal"));
        QueuePlan();
    }

    /// <summary>The ledger governs from replay and one look at the host: VMs that have not reported keep what the journal promised them.</summary>
    private void PlanSoonCame()
    {
        Plan();
        if (_inControl || !HasLooked)
            return;
        _inControl = true;
        _tenure.Keeper.Tell(new KeeperProtocol.InControl(_state.Vms.Count));
        SpawnSome();
        HeardAll();
        AwaitReturns();
    }

    private void SpawnSome()
    {
        for (var i = 0; i < SpawnBatch && _toSpawn.TryDequeue(out var vm); i++)
        {
            if (!_children.ContainsKey(vm) && (_state.Vms.ContainsKey(vm) || _state.Admissions.ContainsKey(vm)))
                Spawn(vm);
        }

        if (_toSpawn.Count > 0)
            Self.Tell(new SpawnNext());
    }

    private void Heard(VmProtocol.Report report)
    {
        if ((report.Standing is not null || report.Phase == VmPhase.Lost) && _unheard.Remove(report.Vm))
            HeardAll();
    }

    private void HeardAll()
    {
        if (_unheard.Count == 0 && _inControl && !_heardAll)
        {
            _heardAll = true;
            _tenure.Keeper.Tell(new KeeperProtocol.AllActors());
        }
    }

    private void Record(IHostEvent e, Action<IHostEvent> then)
    {
        _tenure.Keeper.Tell(new KeeperProtocol.Writing(StatusNow()));
        // Whatever the wall's clock does until it is written: it happened now.
        var now = new Clocks(Now, e.At);
        Persist(e, persisted =>
        {
            _tenure.Keeper.Tell(new KeeperProtocol.Written());
            _state = _state.Apply(persisted, now);
            Happened(HostHappenings.Of(persisted));
            then(persisted);
            SayDeficit();
            if (LastSequenceNr % _settings.SnapshotEvery == 0)
                TakeSnapshot();
        });
    }

    private void TakeSnapshot()
    {
        _marks = History.Note(_marks, new(LastSequenceNr, HistoryNow), _settings.History);
        SaveSnapshot(new HostSnapshot(_state.Condense(Clocks)) { Marks = _marks });
    }

    /// <summary>Only what the saved snapshot makes needless goes, and of that only what is old enough.</summary>
    private void Saved(SaveSnapshotSuccess saved)
    {
        DeleteSnapshots(new SnapshotSelectionCriteria(saved.Metadata.SequenceNr - 1));
        if (History.Delete(_marks, saved.Metadata.SequenceNr, HistoryNow, _settings.History) is not { } delete)
            return;
        DeleteMessages(delete.UpTo);
        _marks = delete.Left;
    }

    private sealed record SpawnNext;
}
