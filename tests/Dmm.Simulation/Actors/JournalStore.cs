using Akka.Actor;
using Akka.Persistence;
using Dmm.Actors.Serialization;
using Dmm.Core.Hosts;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>The outcome of one write.</summary>
internal enum WriteFate
{
    Written,

    /// <summary>The disk is full or the database is locked: nothing was written, and the writer is told so.</summary>
    Failed,

    /// <summary>The event was written, but the writer is told that it failed: its deadline passed while the disk was busy.</summary>
    WrittenButFailed,
}

/// <summary>
/// The journal's disk: what was written, as text, and the outcome of writes and reads. It outlives daemons. Events go through their
/// serializer both ways, as in the real journal.
/// </summary>
internal sealed class JournalStore
{
    private readonly List<(long Sequence, string Manifest, byte[] Text)> _events = [];
    private readonly List<(SnapshotMetadata Metadata, string Manifest, byte[] Text)> _snapshots = [];

    /// <summary>Every event that was ever written, in order, including those that were deleted since: an oracle judges by these.</summary>
    public List<IHostEvent> History { get; } = [];

    public long Highest { get; private set; }

    /// <summary>
    /// Called for each event before its write: returns the outcome of the write, and its delay. It may kill the daemon, which is then a
    /// death before the write.
    /// </summary>
    public Func<IHostEvent, (WriteFate Fate, TimeSpan Delay)> Fate { get; set; } = _ => (WriteFate.Written, TimeSpan.Zero);

    /// <summary>
    /// Called for each event after its write, before the writer is told. It may kill the daemon, which is then a death after the write.
    /// </summary>
    public Action<IHostEvent> Written { get; set; } = _ => { };

    /// <summary>
    /// Called before each read of the journal or of a snapshot, and before each write of a snapshot: returns why it fails, or null if it
    /// does not.
    /// </summary>
    public Func<Fault, string?> Fault { get; set; } = _ => null;

    public void Append(long sequence, object payload, HostEventSerializer serializer)
    {
        if (sequence != Highest + 1)
            throw new InvalidOperationException($"event {sequence} is written after {Highest}");
        _events.Add((sequence, serializer.Manifest(payload), serializer.ToBinary(payload)));
        Highest = sequence;
        History.Add((IHostEvent)payload);
    }

    public IEnumerable<(long Sequence, object Payload)> Read(long from, long to, HostEventSerializer serializer) => _events
        .Where(e => e.Sequence >= from && e.Sequence <= to)
        .Select(e => (e.Sequence, serializer.FromBinary(e.Text, e.Manifest)));

    public void DeleteTo(long sequence) => _events.RemoveAll(e => e.Sequence <= sequence);

    public void Save(SnapshotMetadata metadata, object snapshot, HostEventSerializer serializer) =>
        _snapshots.Add((metadata, serializer.Manifest(snapshot), serializer.ToBinary(snapshot)));

    public SelectedSnapshot? Latest(long to, HostEventSerializer serializer) =>
        _snapshots.FindLastIndex(s => s.Metadata.SequenceNr <= to) is var at and >= 0
            ? new(_snapshots[at].Metadata, serializer.FromBinary(_snapshots[at].Text, _snapshots[at].Manifest))
            : null;

    public void DeleteSnapshots(Func<SnapshotMetadata, bool> which) => _snapshots.RemoveAll(s => which(s.Metadata));
}

/// <summary>
/// Speaks Akka.Persistence's journal protocol for the store. Akka creates it by the class name in the daemon's configuration.
/// </summary>
internal sealed class JournalActor : ReceiveActor, IWithTimers
{
    private readonly DaemonProcess _process = DaemonProcess.Current;
    private readonly HostEventSerializer _serializer = new((ExtendedActorSystem)Context.System);
    private readonly Queue<WriteMessages> _waiting = new();
    private bool _busy;

    public JournalActor()
    {
        Receive<WriteMessages>(write =>
        {
            _waiting.Enqueue(write);
            if (!_busy)
                WriteNext();
        });
        Receive<Go>(go => Write(go.Write, go.Fate));
        Receive<ReplayMessages>(Replay);
        Receive<DeleteMessagesTo>(delete =>
        {
            _process.Journal.DeleteTo(delete.ToSequenceNr);
            delete.PersistentActor.Tell(new DeleteMessagesSuccess(delete.ToSequenceNr));
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private JournalStore Store => _process.Journal;

    private void WriteNext()
    {
        _busy = _waiting.TryDequeue(out var write);
        if (!_busy)
            return;
        var (fate, delay) = (WriteFate.Written, TimeSpan.Zero);
        foreach (var e in Persistents(write!).Select(p => p.Payload).OfType<IHostEvent>())
        {
            var (its, late) = Store.Fate(e);
            if (!_process.Alive)
                return;
            fate = its == WriteFate.Written ? fate : its;
            delay = late > delay ? late : delay;
        }

        if (delay > TimeSpan.Zero)
            Timers.StartSingleTimer("disk", new Go(write!, fate), delay);
        else
            Write(write!, fate);
    }

    private void Write(WriteMessages write, WriteFate fate)
    {
        // A write is atomic, as in a transaction: all of its events or none.
        var written = fate == WriteFate.Failed ? [] : Persistents(write).ToList();
        foreach (var p in written)
            Store.Append(p.SequenceNr, p.Payload, _serializer);
        foreach (var p in written)
        {
            Store.Written((IHostEvent)p.Payload);
            if (!_process.Alive)
                return;
        }

        if (fate == WriteFate.Written)
        {
            write.PersistentActor.Tell(WriteMessagesSuccessful.Instance);
            foreach (var p in Persistents(write))
                write.PersistentActor.Tell(new WriteMessageSuccess(p, write.ActorInstanceId), p.Sender);
        }
        else
        {
            var cause = new IOException("simulated: the disk is full");
            write.PersistentActor.Tell(new WriteMessagesFailed(cause, write.Messages.Count()));
            foreach (var p in Persistents(write))
                write.PersistentActor.Tell(new WriteMessageFailure(p, cause, write.ActorInstanceId), p.Sender);
        }

        WriteNext();
    }

    private void Replay(ReplayMessages replay)
    {
        if (Store.Fault(Fault.JournalRead) is { } fault)
        {
            replay.PersistentActor.Tell(new ReplayMessagesFailure(new IOException(fault)));
            return;
        }

        foreach (var (sequence, payload) in Store.Read(replay.FromSequenceNr, replay.ToSequenceNr, _serializer))
            replay.PersistentActor.Tell(new ReplayedMessage(new Persistent(payload, sequence, replay.PersistenceId)), ActorRefs.NoSender);
        replay.PersistentActor.Tell(new RecoverySuccess(Store.Highest));
    }

    private static IEnumerable<IPersistentRepresentation> Persistents(WriteMessages write) =>
        write.Messages.OfType<AtomicWrite>().SelectMany(atomic => (IEnumerable<IPersistentRepresentation>)atomic.Payload);

    private sealed record Go(WriteMessages Write, WriteFate Fate);
}

/// <summary>Speaks Akka.Persistence's snapshot protocol for the store.</summary>
internal sealed class SnapshotActor : ReceiveActor
{
    public SnapshotActor()
    {
        var store = DaemonProcess.Current.Journal;
        var serializer = new HostEventSerializer((ExtendedActorSystem)Context.System);
        Receive<LoadSnapshot>(load => Sender.Tell(store.Fault(Fault.JournalLoad) is { } fault
            ? new LoadSnapshotFailed(new IOException(fault))
            : new LoadSnapshotResult(
                store.Latest(Math.Min(load.ToSequenceNr, load.Criteria.MaxSequenceNr), serializer), load.ToSequenceNr)));
        Receive<SaveSnapshot>(save =>
        {
            if (store.Fault(Fault.JournalSave) is { } fault)
            {
                Sender.Tell(new SaveSnapshotFailure(save.Metadata, new IOException(fault)));
                return;
            }

            store.Save(save.Metadata, save.Snapshot, serializer);
            Sender.Tell(new SaveSnapshotSuccess(save.Metadata));
        });
        Receive<DeleteSnapshot>(delete =>
        {
            store.DeleteSnapshots(s => s.SequenceNr == delete.Metadata.SequenceNr);
            Sender.Tell(new DeleteSnapshotSuccess(delete.Metadata));
        });
        Receive<DeleteSnapshots>(delete =>
        {
            store.DeleteSnapshots(s => s.SequenceNr <= delete.Criteria.MaxSequenceNr);
            Sender.Tell(new DeleteSnapshotsSuccess(delete.Criteria));
        });
    }
}
