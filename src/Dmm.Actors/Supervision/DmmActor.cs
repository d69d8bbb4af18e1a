using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Dmm.Actors.Hosts;
using Dmm.Actors.Prediction;
using Dmm.Actors.Vms;
using Dmm.Core;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;

namespace Dmm.Actors.Supervision;

/// <summary>
/// Supervises the actors of a host and keeps their faults apart: an actor that fails is stopped, reported, counted, and started anew with
/// back-off. A journal that can't be written ends the host's actor (Akka.Persistence allows nothing else). The VMs' actors and the
/// predictor go on, and report to the next host's actor again. Requests are meanwhile answered at once: with the last known picture, and
/// with the reason why nothing is promised. A corrupt journal needs a person: then the daemon ends. The journal's file is checked every
/// second, since SQLite goes on writing into a deleted file without an error.
/// </summary>
public sealed class DmmActor : ReceiveActor, IWithTimers
{
    public const string Name = "dmm";

    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SaveWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan MendDeadline = TimeSpan.FromSeconds(30);

    /// <summary>How long a request waits for a daemon that is starting, before it is refused.</summary>
    private static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(6);

    private readonly House _house;
    private readonly KeeperSettings _settings;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Reception _reception;
    private readonly Milestones _milestones;
    private readonly Queue<Clocks> _writes = new();

    private IActorRef _host = ActorRefs.Nobody;
    private IActorRef _vms = ActorRefs.Nobody;
    private IActorRef _predictor = ActorRefs.Nobody;
    private JournalHealth _health;
    private HostProtocol.Status? _picture;
    private KeeperProtocol.Left? _left;
    private string? _lost;
    private long _told;
    private int _attempts;
    private int _faults;
    private int _named;
    private Moment? _wellSince;

    public DmmActor(House house)
    {
        (_house, _settings, _reception, _milestones) = (house, house.Keeper, new(house.Keeper.MostAskers), new(house.Keeper.ProcessStart));
        _health = JournalHealth.Starting(Clocks);
        // The host's actor is reached through this actor, whichever incarnation runs. Messages that come while none runs are lost: facts
        // are reported again to the next incarnation, and requests must be sent again by their sender.
        Receive<IHostCommand>(command => _host.Forward(command));
        Receive<AdmissionProtocol.CreateVm>(create => _host.Forward(create));
        Receive<KeeperProtocol.GetHealth>(_ => Sender.Tell(_health));
        Receive<KeeperProtocol.Look>(_ => LookFor(Sender));
        Receive<KeeperProtocol.Change>(Pass);
        Receive<HostProtocol.Status>(status =>
        {
            _picture = status;
            _reception.Answer(Known());
        });
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
            (_picture, _wellSince) = (replayed.Picture, Now);
            Become(_health.Read(Clocks));
        });
        Receive<KeeperProtocol.InControl>(control => Happened("inControl", _milestones.Govern(control.Vms, Now)));
        Receive<KeeperProtocol.AllActors>(_ => Happened("allActors", _milestones.KnowAll(Now)));
        Receive<KeeperProtocol.Left>(left =>
        {
            (_left, _picture, _told) = (left, left.Picture ?? _picture, Math.Max(_told, left.Sequence));
            _writes.Clear();
        });
        Receive<PredictorProtocol.Save>(save => _predictor.Forward(save));
        Receive<Terminated>(ended => Ended(ended.ActorRef));
        Receive<Tick>(_ => Look());
        Receive<TryAgain>(_ => Mend());
        Receive<Mended>(mended =>
        {
            Happened("journalBegun", mended.What);
            StartHost();
        });
        Receive<MendFailed>(failed => Broke(_house.Store.Judge(failed.Cause)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private bool TakesQuestions =>
        !_host.IsNobody()
        && (_health.Writable || (_health.Condition == JournalCondition.Starting && Now - _health.Since.Now < StartWithin));

    private Moment Now => Clocks.Now;

    private Clocks Clocks => Clocks.Read(_settings.Time);

    public static Props Props(House house) => Akka.Actor.Props.Create(() => new DmmActor(house));

    protected override SupervisorStrategy SupervisorStrategy() =>
        new OneForOneStrategy(-1, Timeout.InfiniteTimeSpan, static _ => Directive.Stop);

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("tick", new Tick(), LookPeriod);
        if (_house.Models is not null)
            SaveAtTheEnd(Self);
        StartPredictor();
        StartVms();
        StartHost();
    }

    /// <summary>
    /// Lets an orderly end of the daemon wait a moment until what was learnt is written. It is not needed: only what was learnt since the
    /// last write is lost then.
    /// </summary>
    private void SaveAtTheEnd(IActorRef self) => CoordinatedShutdown.Get(Context.System).AddTask(
        CoordinatedShutdown.PhaseBeforeServiceUnbind, "save models", async () =>
        {
            try
            {
                await self.Ask<PredictorProtocol.Saved>(new PredictorProtocol.Save(), SaveWithin);
            }
            catch (Exception late) when (late is AskTimeoutException or TaskCanceledException)
            {
                _log.Warning("what was learnt of VMs could not be written within {0} s", SaveWithin.TotalSeconds);
            }

            return Akka.Done.Instance;
        });

    private void StartPredictor() =>
        _predictor = Context.Watch(Context.ActorOf(
            PredictorActor.Props(Self, _house.Demand, _house.Vms.Time, model: null, _house.Models), NameOf("predictor")));

    private void StartVms() =>
        _vms = Context.Watch(Context.ActorOf(VmsActor.Props(Self, _predictor, _house.Hypervisor, _house.Vms), NameOf(VmsActor.Name)));

    private void StartHost()
    {
        (_left, _lost) = (null, null);
        _writes.Clear();
        _host = Context.Watch(Context.ActorOf(HostActor.Props(_house, new(Self, _vms, _predictor, _told)), NameOf(HostActor.Name)));
    }

    /// <summary>A name for a child actor: a name is free again only when the last actor of that name has stopped.</summary>
    private string NameOf(string name) => Context.Child(name).IsNobody() ? name : $"{name}~{++_named}";

    private void Ended(IActorRef actor)
    {
        if (CoordinatedShutdown.Get(Context.System).ShutdownReason is not null)
            return;
        if (actor.Equals(_host))
        {
            HostEnded();
            return;
        }

        // These actors hold references to each other, so they are started anew together, and the next host's actor introduces them.
        if (!actor.Equals(_predictor) && !actor.Equals(_vms))
            return;
        Failed($"the actor {actor.Path.Name} has ended", null);
        if (actor.Equals(_predictor))
        {
            Context.Unwatch(_vms);
            Context.Stop(_vms);
            StartPredictor();
        }

        StartVms();
        if (!_host.IsNobody())
            Context.Stop(_host);
    }

    private void HostEnded()
    {
        _host = ActorRefs.Nobody;
        _reception.Refuse(new(
            HostProtocol.RefusalKind.Unavailable,
            "the journal failed before this was answered; 'dmm host show' says why; check what was done before you try again"));
        if (_wellSince is { } since && Now - since >= _settings.CalmAfter)
            _attempts = 0;
        _wellSince = null;
        Broke(_lost is { } lost ? new(false, lost)
            : _left?.Fault is { } fault ? _house.Store.Judge(fault)
            : new(false, Failed("the host's actor has ended", _left?.Failure)));
    }

    /// <summary>Reports and counts a fault that is not the journal's.</summary>
    private string Failed(string what, Exception? cause)
    {
        var times = ++_faults == 1 ? "" : $", fault {_faults} since the daemon started";
        var why = $"{what}{(cause is null ? "" : $" ({cause.GetType().Name}: {cause.Message})")}{times}; it restarts";
        _log.Error(cause, "{0}", why);
        Happened("actorFailed", why);
        return why;
    }

    private void Broke(JournalFault fault)
    {
        Become(_health.Broke(Clocks, fault.Why));
        _reception.Answer(Known());
        if (fault.Corrupt)
        {
            _settings.GiveUp(fault.Why);
            return;
        }

        Timers.StartSingleTimer("again", new TryAgain(), new GrowingWait(_settings.RetryMin, _settings.RetryMax).After(_attempts++));
    }

    private void Mend()
    {
        MendAsync(_house.Store, _picture?.State.Condense(Clocks), _settings.Time)
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
        _reception.Forget(Now);
        if (_reception.Waited(_picture is null ? StartWithin : AnswerWithin, Now))
            _reception.Answer(Known());
        if (_host.IsNobody() || _lost is not null || _house.Store.Look() is not { } lost)
            return;

        // The next daemon would never read what is written from here on.
        _lost = lost;
        Become(_health.Broke(Clocks, lost));
        Context.Stop(_host);
    }

    private void LookFor(IActorRef asker)
    {
        if (!TakesQuestions || _reception.IsFull)
            asker.Tell(Known());
        else if (_reception.Wait(asker, Now))
            _host.Tell(new HostProtocol.GetStatus());
    }

    /// <summary>The last known picture, with the state of the journal.</summary>
    private object Known() => _picture is { } picture ? NowKnown(picture) : (object)Unknown();

    private HostProtocol.Status NowKnown(HostProtocol.Status picture) =>
        picture with { Journal = _health, InControl = _milestones.InControl, AllActors = _milestones.AllActors };

    private HostProtocol.Refused Unknown() => new(HostProtocol.RefusalKind.Unavailable, _health.Problem ?? "the daemon is starting");

    private void Pass(KeeperProtocol.Change change)
    {
        if (!TakesQuestions)
        {
            Sender.Tell(
                new HostProtocol.Refused(HostProtocol.RefusalKind.Unavailable, _health.Problem
                    ?? "the host's actor restarts; try again"));
            return;
        }

        _reception.Remember(Sender, Now);
        _host.Forward(change.Command);
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
                _log.Warning("the journal works again");
                Happened("journalWell", "the journal works again");
                break;
            case JournalCondition.Slow or JournalCondition.Stalled or JournalCondition.Broken:
                _log.Warning(health.Problem!);
                Happened("journal" + health.Condition, health.Problem);
                break;
        }
    }

    private void Happened(string kind, string? text)
    {
        if (text is not null)
            Context.System.EventStream.Publish(new Notice(Clocks.Wall, kind, null, text));
    }

    private sealed record Tick;

    private sealed record TryAgain;

    private sealed record Mended(string? What);

    private sealed record MendFailed(Exception Cause);
}
