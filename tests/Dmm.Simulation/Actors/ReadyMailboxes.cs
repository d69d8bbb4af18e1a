using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The mailboxes that have something to do. Dice choose the next among all that could run on a machine with enough cores, so one seed is
/// one order, and other seeds are other orders. They are kept by the actor's path, since the order in which Akka schedules them may
/// depend on hashes that differ from process to process.
/// </summary>
internal sealed class ReadyMailboxes(SeededRandom dice)
{
    private readonly List<(string Path, IRunnable Run)> _ready = [];
    private readonly ConditionalWeakTable<IRunnable, string> _paths = [];

    public int Count => _ready.Count;

    public void Add(IRunnable run)
    {
        var path = PathOf(run);
        var at = _ready.Count;
        while (at > 0 && string.CompareOrdinal(_ready[at - 1].Path, path) > 0)
            at--;
        _ready.Insert(at, (path, run));
    }

    public void RunOne()
    {
        var at = dice.Below(_ready.Count);
        var run = _ready[at].Run;
        _ready.RemoveAt(at);
        run.Run();
    }

    public void Clear() => _ready.Clear();

    private string PathOf(IRunnable run)
    {
        if (_paths.TryGetValue(run, out var known))
            return known;
        var path = run is Mailbox mailbox && ActorOf(mailbox) is { } cell ? cell.Self.Path.ToString() : run.GetType().Name;
        _paths.Add(run, path);
        return path;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Actor")]
    private static extern ActorCell? ActorOf(Mailbox mailbox);
}

/// <summary>Named in the simulated daemon's configuration: its dispatchers have these mailboxes instead of threads.</summary>
internal sealed class ReadyMailboxesConfigurator(Config config, IDispatcherPrerequisites prerequisites)
    : ExecutorServiceConfigurator(config, prerequisites)
{
    private readonly DaemonProcess _process = DaemonProcess.Current;

    public override ExecutorService Produce(string id) => new Executor(id, _process);

    private sealed class Executor(string id, DaemonProcess process) : ExecutorService(id)
    {
        public override void Execute(IRunnable run) => process.Wake(run);

        public override void Shutdown()
        {
        }
    }
}
