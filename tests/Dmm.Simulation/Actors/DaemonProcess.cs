using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;
using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>
/// A daemon's process: an actor system without threads. It dies between two messages or in the middle of one. After that nothing that it
/// does has any effect, none of its timers fires, and nobody hears from it again, as after <c>kill -9</c>.
/// </summary>
internal sealed class DaemonProcess
{
    private static readonly Config Settings = ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = WARNING
          stdout-loglevel = WARNING
          loggers = ["{{NameOf<SimulatedLog>()}}"]
          stdout-logger-class = "{{NameOf<SimulatedLog>()}}"
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          coordinated-shutdown.run-by-clr-shutdown-hook = off
          scheduler.implementation = "{{NameOf<VirtualScheduler>()}}"
          actor {
            default-dispatcher { executor = "{{NameOf<ReadyMailboxesConfigurator>()}}", throughput = 1 }
            internal-dispatcher { type = Dispatcher, executor = "{{NameOf<ReadyMailboxesConfigurator>()}}", throughput = 1 }
          }
          persistence {
            journal { plugin = "dmm.journal", auto-start-journals = [] }
            snapshot-store { plugin = "dmm.snapshots", auto-start-snapshot-stores = [] }
          }
        }
        dmm {
          journal { class = "{{NameOf<JournalActor>()}}", plugin-dispatcher = "akka.actor.default-dispatcher" }
          snapshots { class = "{{NameOf<SnapshotActor>()}}", plugin-dispatcher = "akka.actor.default-dispatcher" }
        }
        """);

    [ThreadStatic]
    private static DaemonProcess? s_current;

    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly ReadyMailboxes _ready;

    public DaemonProcess(VirtualClock clock, JournalStore journal, SeededRandom dice, Action<string> log)
    {
        (Clock, Journal, Log, _ready) = (clock, journal, log, new(dice));
        s_current = this;
        System = (ExtendedActorSystem)ActorSystem.Create("dmm", Settings);
    }

    /// <summary>
    /// Akka creates schedulers, executors, loggers and journals by class name only; through this they find the process that they belong
    /// to.
    /// </summary>
    public static DaemonProcess Current =>
        s_current ?? throw new InvalidOperationException("no simulated daemon was started on this thread");

    public VirtualClock Clock { get; }

    public JournalStore Journal { get; }

    public Action<string> Log { get; }

    public ExtendedActorSystem System { get; }

    public bool Alive { get; private set; } = true;

    public bool Idle => !Alive || _ready.Count == 0;

    /// <summary>
    /// The first thing that was done on another thread than the simulation's; null if there was none. It would make histories differ.
    /// </summary>
    public string? Stray { get; private set; }

    public void Die()
    {
        Alive = false;
        _ready.Clear();
    }

    /// <summary>Processes one message of one actor.</summary>
    public void RunOne() => _ready.RunOne();

    public void Wake(IRunnable run)
    {
        if (!Alive || IsStray(run))
            return;
        _ready.Add(run);
    }

    /// <summary>Runs an action in this process after that time, if the process is still alive then.</summary>
    public VirtualClock.Alarm After(TimeSpan delay, Action run, Func<bool>? off = null) =>
        Clock.After(delay, run, () => !Alive || IsStray(run) || off?.Invoke() == true);

    private bool IsStray(object what)
    {
        if (Environment.CurrentManagedThreadId == _thread)
            return false;
        Stray ??= what.ToString();
        return true;
    }

    private static string NameOf<T>() => $"{typeof(T).FullName}, {typeof(T).Assembly.GetName().Name}";
}

/// <summary>Writes what a simulated daemon's actors log into the history.</summary>
internal sealed class SimulatedLog : MinimalLogger
{
    private readonly DaemonProcess _process = DaemonProcess.Current;

    protected override void Log(object message)
    {
        if (_process.Alive && message is LogEvent e)
            _process.Log($"{e.LogLevel()}: {e.Message}{(e.Cause is { } cause ? $" ({cause.GetBaseException().Message})" : "")}");
    }
}
