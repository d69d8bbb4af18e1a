using Akka.Actor;
using Dmm.Actors.Supervision;
using Dmm.Actors.Vms;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The settings of a host and its daemon in a simulation. Waits are shorter than in production, so that more happens in fewer events.
/// </summary>
internal sealed record DaemonSettings
{
    public HostSettings Host { get; init; } = new()
    {
        Memory = MemorySize.FromMiB(3072),
        Reserve = MemorySize.FromMiB(128),
        Cushion = MemorySize.FromMiB(96),
        SnapshotEvery = 25,
        Returns = new() { Max = TimeSpan.FromSeconds(8), CalmAfter = TimeSpan.FromSeconds(30), Deadline = TimeSpan.FromSeconds(20) },
        Admission = new() { Deadline = TimeSpan.FromSeconds(15), Queue = 6, Gather = 3, Launches = 2 },
    };

    public DemandSettings Demand { get; init; } = new() { SavePeriod = TimeSpan.FromSeconds(20) };

    public VmActorSettings Vms { get; init; } = new()
    {
        RestartSpread = 0,
        RestartMax = TimeSpan.FromSeconds(5),
        CallDeadline = TimeSpan.FromSeconds(3),
        LaunchDeadline = TimeSpan.FromSeconds(5),
        Profile = new() { RetryMax = TimeSpan.FromSeconds(15), BootDeadline = TimeSpan.FromSeconds(20) },
    };
}

/// <summary>One life of the daemon: its process, the real actors in it, and what the world sees of them.</summary>
internal sealed class ActorDaemon
{
    private readonly IActorRef _keeper;
    private readonly Ear _status;
    private readonly List<Request> _open = [];
    private readonly Action<string, string> _violated;
    private bool _asked;

    public ActorDaemon(
        ActorWorld world, JournalStore journal, ModelShelf models, DaemonSettings settings, SeededRandom dice,
        Action<string, string> violated)
    {
        _violated = violated;
        Process = new(world.Clock, journal, dice, world.Log);
        var hypervisor = new LabHypervisor(world, Process);
        Process.System.EventStream.Subscribe(
            new Ear(Process, m => world.Log($"{((Notice)m).Kind} {((Notice)m).Vm} {((Notice)m).Text}")), typeof(Notice));
        // Supervision hides a fault of the predictor: the predictor of all VMs, or the model of one VM, starts anew. The error log shows
        // it.
        Process.System.EventStream.Subscribe(
            new Ear(Process, m =>
            {
                if (((Akka.Event.Error)m).LogSource.Contains("/dmm/predictor", StringComparison.Ordinal))
                    violated("whatever a guest says, forecasts go on", $"{m}");
            }),
            typeof(Akka.Event.Error));
        var (time, watch) = (new VirtualTime(Process), new SimulatedMonitor(world, settings.Host.Memory));
        _keeper = Process.System.ActorOf(
            DmmActor.Props(new(hypervisor, new LabJournal(journal))
            {
                Host = settings.Host,
                Demand = settings.Demand,
                Models = models,
                Vms = settings.Vms with { Time = time },
                Watch = watch,
                Keeper = new() { ProcessStart = world.Clock.Moment, GiveUp = why => violated("the journal is sound", why), Time = time },
            }),
            DmmActor.Name);
        _status = new(Process, message =>
        {
            _asked = false;
            Status = message as HostProtocol.Status ?? Status;
        });
        Process.System.ActorOf(Akka.Actor.Props.Create(() => new Watcher(_keeper, this)), "watcher");
    }

    public DaemonProcess Process { get; }

    /// <summary>The host's last status; null before the first.</summary>
    public HostProtocol.Status? Status { get; private set; }

    /// <summary><see cref="Status"/> is up to date: no request for a newer one is still to be answered.</summary>
    public bool Answered => !_asked;

    /// <summary>The keeper of the host's actor has ended, which must never happen: the daemon ends itself.</summary>
    public bool Over { get; private set; }

    /// <summary>Requests that are not answered yet.</summary>
    public IReadOnlyList<Request> Open => _open;

    /// <summary>The host governs a VM of this name, has one that rests, or has a request for one.</summary>
    public bool Knows(VmId id) =>
        Status is { State: var state } && (state.Vms.ContainsKey(id) || state.Admissions.ContainsKey(id) || state.Resting.ContainsKey(id));

    /// <summary>Sends an operator's request to the host. The operator gets exactly one answer, unless the daemon dies before.</summary>
    public void Ask(object message, string text, Action<object>? answered = null)
    {
        var request = new Request(text, Process.Clock.Now);
        _open.Add(request);
        Process.Log($"operator: {text}");
        _keeper.Tell(new KeeperProtocol.Change(message), new Ear(Process, answer =>
        {
            Process.Log($"operator: {text}: {answer}");
            // When the journal fails, the keeper tells everybody who asked lately; it does not know whose request was answered before.
            var again = !_open.Remove(request);
            if (again && answer is HostProtocol.Refused { Kind: HostProtocol.RefusalKind.Unavailable })
                return;
            if (again)
                _violated("answered once", $"{text} is answered again: {answer}");
            else if (answer is HostProtocol.Done or HostProtocol.HostDone or HostProtocol.Refused or HostProtocol.DryRunResult)
                answered?.Invoke(answer);
            else
                _violated("answered", $"{text} is answered by {answer}");
        }));
    }

    /// <summary>Asks the host for its status. The answer arrives in <see cref="Status"/> once the host is not busy writing.</summary>
    public void Look()
    {
        if (_asked)
            return;
        _asked = true;
        _keeper.Tell(new KeeperProtocol.Look(), _status);
    }

    internal sealed record Request(string Text, DateTimeOffset At)
    {
        public bool Equals(Request? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>Handles each message at once, in the middle of the sender's own message.</summary>
    private sealed class Ear(DaemonProcess process, Action<object> hear) : MinimalActorRef
    {
        public override ActorPath Path { get; } = process.System.Provider.RootPath / "ear";

        public override IActorRefProvider Provider => process.System.Provider;

        protected override void TellInternal(object message, IActorRef sender)
        {
            if (process.Alive)
                hear(message);
        }
    }

    private sealed class Watcher : ReceiveActor
    {
        public Watcher(IActorRef keeper, ActorDaemon daemon)
        {
            Context.Watch(keeper);
            Receive<Terminated>(_ => daemon.Over = true);
        }
    }
}
