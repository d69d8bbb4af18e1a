using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Dmm.Actors.Journals;
using Dmm.Core;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;

namespace Dmm.Actors.Hosts;

/// <summary>
/// Stands before the host's actor and keeps it: a journal that can't be written ends that actor (Akka.Persistence leaves it no choice), and this one
/// starts it anew, with back-off, once a write goes through again. Whoever asks meanwhile is answered at once: with what was known last and why nothing is
/// promised. A journal that is corrupt needs a person: then the daemon ends. The file is looked at every second, since SQLite writes on into one
/// that was deleted under it, and says nothing.
/// </summary>
public sealed class HostKeeper : ReceiveActor, IWithTimers
{
    public const string Name = "keeper";

    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MendDeadline = TimeSpan.FromSeconds(30);

    /// <summary>So long whoever asks waits for a daemon that is starting, rather than being sent away.</summary>
    private static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(6);

    /// <summary>Longer than any answer is waited for: after that nobody is left to be told.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(30);

    private readonly Func<HostTenure, Props> _props;
    private readonly IJournalStore _store;
    private readonly KeeperSettings _settings;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Queue<(IActorRef Asker, Moment At)> _changes = new();
    private readonly Queue<(IActorRef Asker, Moment At)> _lookers = new();
    private readonly Queue<Clocks> _writes = new();

    private IActorRef _host = ActorRefs.Nobody;
    private JournalHealth _health;
    private HostProtocol.Status? _picture;
    private Exception? _fault;
    private string? _lost;
    private long _told;
    private int _attempts;
    private TimeSpan? _inControl;
    private TimeSpan? _allActors;

    /// <param name="props">The host's actor, given what its keeper gives it.</param>
    public HostKeeper(Func<HostTenure, Props> props, IJournalStore store, KeeperSettings settings)
    {
        (_props, _store, _settings) = (props, store, settings);
        _health = JournalHealth.Starting(Clocks);
        Receive<KeeperProtocol.GetHealth>(_ => Sender.Tell(_health));
        Receive<KeeperProtocol.Look>(_ => LookFor(Sender));
        Receive<HostProtocol.Status>(Answer);
        Receive<KeeperProtocol.Change>(Pass);
        Receive<KeeperProtocol.Writing>(writing =>
        {
            _picture = writing.Picture;
            _writes.Enqueue(Clocks);
        });
        Receive<KeeperProtocol.Written>(_ =>
        {
            if (_writes.TryDequeue(out var began))
                Become(_health.Written(Clocks, Now - began.Now));
        });
        Receive<KeeperProtocol.Replayed>(replayed =>
        {
            (_picture, _attempts) = (replayed.Picture, 0);
            Become(_health.Read(Clocks));
        });
        Receive<KeeperProtocol.InControl>(InControl);
        Receive<KeeperProtocol.AllActors>(_ => AllActors());
        Receive<KeeperProtocol.Left>(left =>
        {
            (_picture, _told, _fault) = (left.Picture ?? _picture, Math.Max(_told, left.Sequence), left.Fault);
            _writes.Clear();
        });
        Receive<Terminated>(terminated =>
        {
            // Not that of a host that a keeper before this one had stopped.
            if (terminated.ActorRef.Equals(_host))
                HostEnded();
        });
        Receive<Tick>(_ => Look());
        Receive<TryAgain>(_ => Mend());
        Receive<Mended>(mended =>
        {
            if (mended.What is { } what)
                Happened("journalBegun", what);
            Start();
        });
        Receive<MendFailed>(failed => Broke(_store.Judge(failed.Cause)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private bool TakesQuestions =>
        !_host.IsNobody() && (_health.Writable || (_health.Condition == JournalCondition.Starting && Now - _health.Since.Now < StartWithin));

    private Moment Now => Clocks.Now;

    private Clocks Clocks => Clocks.Read(_settings.Time);

    public static Props Props(Func<HostTenure, Props> host, IJournalStore store, KeeperSettings settings) =>
        Akka.Actor.Props.Create(() => new HostKeeper(host, store, settings));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("tick", new Tick(), LookPeriod);
        Start();
    }

    /// <summary>The host's actor is no child of this one: it would go on, known to nobody, and keep its name from the next.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        if (!_host.IsNobody())
            Context.Stop(_host);
        base.PreRestart(reason, message);
    }

    private void Start()
    {
        (_fault, _lost) = (null, null);
        _writes.Clear();
        try
        {
            // At the top, where it always was: its path is part of logs.
#pragma warning disable AK1008
            _host = Context.System.ActorOf(_props(new(Self, _told)), HostActor.Name);
#pragma warning restore AK1008
            Context.Watch(_host);
        }
        catch (InvalidActorNameException)
        {
            // Its last bearer has ended, but its name is not free yet.
            Timers.StartSingleTimer("again", new TryAgain(), _settings.RetryMin);
        }
    }

    private void HostEnded()
    {
        _host = ActorRefs.Nobody;
        if (CoordinatedShutdown.Get(Context.System).ShutdownReason is not null)
            return;
        foreach (var (asker, _) in _changes)
            asker.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Unavailable, "the journal failed before this was answered; see 'dmm host show' for why, and look before you try again"));
        _changes.Clear();
        Broke(_lost is { } lost ? new(false, lost) : _fault is { } fault ? _store.Judge(fault) : new(false, "the host's actor has ended"));
    }

    private void Broke(JournalFault fault)
    {
        Become(_health.Broke(Clocks, fault.Why));
        AnswerLookers();
        if (fault.Corrupt)
        {
            _settings.GiveUp(fault.Why);
            return;
        }

        var wait = _settings.RetryMin * Math.Pow(2, Math.Min(_attempts++, 16));
        Timers.StartSingleTimer("again", new TryAgain(), wait < _settings.RetryMax ? wait : _settings.RetryMax);
    }

    private void Mend()
    {
        MendAsync(_store, _picture?.State.Condense(Clocks), _settings.Time)
            .PipeTo(Self, success: what => new Mended(what), failure: cause => new MendFailed(cause));

        static async Task<string?> MendAsync(IJournalStore store, ImmutableArray<IHostEvent>? known, TimeProvider time)
        {
            using var deadline = new CancellationTokenSource(MendDeadline, time);
            return await store.MendAsync(known, deadline.Token);
        }
    }

    private void Look()
    {
        Become(_health.Look(Clocks, _writes.TryPeek(out var began) ? began : null));
        while (_changes.TryPeek(out var change) && Now - change.At > Remembered)
            _changes.Dequeue();
        if (_lookers.TryPeek(out var looker) && Now - looker.At >= (_picture is null ? StartWithin : AnswerWithin))
            AnswerLookers();
        if (_host.IsNobody() || _lost is not null || _store.Look() is not { } lost)
            return;

        // What it writes from here on the next daemon would never read.
        _lost = lost;
        Become(_health.Broke(Clocks, lost));
        Context.Stop(_host);
    }

    private void LookFor(IActorRef asker)
    {
        if (!TakesQuestions || _lookers.Count >= _settings.MostAskers)
        {
            TellKnown(asker);
            return;
        }

        _lookers.Enqueue((asker, Now));
        if (_lookers.Count == 1)
            _host.Tell(new HostProtocol.GetStatus());
    }

    private void Answer(HostProtocol.Status status)
    {
        _picture = status;
        AnswerLookers();
    }

    private void AnswerLookers()
    {
        while (_lookers.TryDequeue(out var looker))
            TellKnown(looker.Asker);
    }

    /// <summary>The last that is known, and how the journal is.</summary>
    private void TellKnown(IActorRef asker)
    {
        if (_picture is { } picture)
            asker.Tell(picture with { Journal = _health, InControl = _inControl, AllActors = _allActors });
        else
            asker.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Unavailable, _health.Problem ?? "the daemon is starting"));
    }

    private void Pass(KeeperProtocol.Change change)
    {
        if (!TakesQuestions)
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Unavailable, _health.Problem ?? "the host's actor starts anew; try again"));
            return;
        }

        if (_changes.Count >= _settings.MostAskers)
            _changes.Dequeue();
        _changes.Enqueue((Sender, Now));
        _host.Forward(change.Command);
    }

    private void InControl(KeeperProtocol.InControl control)
    {
        if (_inControl is not null)
            return;
        _inControl = Now - _settings.ProcessStart;
        Happened("inControl", $"the ledger governs {control.Vms} VMs, {_inControl.Value.TotalSeconds:0.00} s after the start of the process");
    }

    private void AllActors()
    {
        if (_allActors is not null)
            return;
        _allActors = Now - _settings.ProcessStart;
        Happened("allActors", $"every VM has reported, {_allActors.Value.TotalSeconds:0.00} s after the start of the process");
    }

    private void Become(JournalHealth health)
    {
        var before = _health;
        _health = health;
        if (health.Condition == before.Condition)
            return;
        switch (health.Condition)
        {
            case JournalCondition.Well when before.Condition != JournalCondition.Starting:
                _log.Warning("the journal is well again");
                Happened("journalWell", "the journal is well again");
                break;
            case JournalCondition.Slow or JournalCondition.Stalled or JournalCondition.Broken:
                _log.Warning(health.Problem!);
                Happened("journal" + health.Condition, health.Problem!);
                break;
        }
    }

    private void Happened(string kind, string text) => Context.System.EventStream.Publish(new Happening(Clocks.Wall, kind, null, text));

    private sealed record Tick;

    private sealed record TryAgain;

    private sealed record Mended(string? What);

    private sealed record MendFailed(Exception Cause);
}

public sealed record KeeperSettings
{
    /// <summary>When this process started; what is told is counted from here.</summary>
    public required Moment ProcessStart { get; init; }

    /// <summary>Called, with the reason, when the journal needs a person: the daemon ends.</summary>
    public required Action<string> GiveUp { get; init; }

    /// <summary>First and longest wait before a broken journal is tried again; it doubles in between.</summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clocks that it goes by; a simulation brings its own.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Who asked lately and may have to be told something by the keeper itself: no more of them are remembered.</summary>
    public int MostAskers { get; init; } = 1_000;
}
