using Dmm.Core;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>
/// A whole host: the world, the journal's disk, and one daemon after the other. The rules that must always hold are checked after every
/// step.
/// </summary>
internal sealed class SimulatedHost
{
    /// <summary>One event that leads to more messages than this is an endless loop.</summary>
    private const int MostMessages = 20_000;

    private readonly HistoryLog _log;
    private readonly SeededRandom _dice;
    private int _recorded;
    private int? _dieAfter;

    /// <param name="oneClock"><see cref="SimulationPlan.OneClock"/>.</param>
    public SimulatedHost(DaemonSettings settings, SeededRandom dice, HistoryLog log, bool oneClock = false)
    {
        (Settings, _dice, _log, Clock) = (settings, dice, log, new() { OneClock = oneClock });
        World = new(Clock, dice.Split(), Say);
        Models = new(dice.Split(), () => ModelsFail());
    }

    public DaemonSettings Settings { get; }

    public VirtualClock Clock { get; }

    public ActorWorld World { get; }

    public JournalStore Journal { get; } = new();

    /// <summary>What models have learnt, as the last daemons kept it.</summary>
    public ModelShelf Models { get; }

    /// <summary>Called at each call of <see cref="Models"/>: returns whether it fails.</summary>
    public Func<bool> ModelsFail { get; set; } = () => false;

    public Wishes Wishes { get; } = new();

    public Lives Lives { get; } = new();

    public RequestSteps RequestSteps { get; } = new();

    /// <summary>The daemon that lives; null between two lives.</summary>
    public ActorDaemon? Daemon { get; private set; }

    public long Steps { get; private set; }

    public long Deaths { get; private set; }

    public Violation? Violation { get; private set; }

    /// <summary>The time of the last write to the journal.</summary>
    public DateTimeOffset WrittenAt { get; private set; }

    public void Say(string what) => _log.Add(Steps, $"{Clock.Now:HH:mm:ss.fff} {what}");

    public void Violated(string rule, string what) => Violation ??= new(Steps, rule, what);

    public void Start() => Daemon = new(World, Journal, Models, Settings, _dice.Split(), Violated);

    /// <summary>Handles one event of the virtual clock and all messages that follow from it, then checks the result.</summary>
    public void Step()
    {
        Steps++;
        try
        {
            Clock.GoOn();
            Settle();
            Check();
        }
        catch (ViolationException found)
        {
            Violated(found.Rule, found.What);
        }
        catch (Exception fault)
        {
            Violated("no exception leaves the program", fault.ToString());
        }
    }

    /// <summary>Kills the daemon in the middle of its current message, or after that many more messages.</summary>
    public void Kill(int? afterMessages = null)
    {
        if (afterMessages is { } messages)
            _dieAfter = Daemon is null ? null : messages;
        else
            Daemon?.Process.Die();
    }

    /// <summary>Processes one message at a time, in an order that the dice choose.</summary>
    private void Settle()
    {
        for (var messages = 0; Daemon is { Process.Idle: false }; messages++)
        {
            if (_dieAfter-- is 0)
                Daemon.Process.Die();
            else
                Daemon.Process.RunOne();
            if (messages > MostMessages)
                throw new InvalidOperationException($"more than {MostMessages} messages follow from one event");
        }

        if (Daemon is { Process.Alive: false } or { Over: true })
            Bury(Daemon);
    }

    private void Bury(ActorDaemon daemon)
    {
        Say(daemon.Over ? "the daemon ends itself" : "the daemon is dead");
        daemon.Process.Die();
        (Daemon, _dieAfter) = (null, null);
        Deaths++;
        Clock.After(_dice.Seconds(0.1, 3), Start);
    }

    /// <summary>Notes the events that were written since the last call.</summary>
    public void Note()
    {
        for (; _recorded < Journal.History.Count; _recorded++)
        {
            World.NoteLetGo(Journal.History[_recorded]);
            RequestSteps.Note(Journal.History[_recorded]);
            if (Lives.Note(Journal.History[_recorded]) is { } wrongLife)
                Violated("a VM that was migrated away is not created again", wrongLife);
            if (Wishes.Note(Journal.History[_recorded]) is { } amiss)
                Violated("a VM that is to return is not forgotten, and one that was stopped does not return", amiss);
            WrittenAt = Clock.Now;
        }
    }

    private void Check()
    {
        Note();
        ViolationException.ThrowIf(ActorInvariants.Physical(World, RequestSteps.Truth, Settings.Host));
        if (Daemon is null)
            return;
        if (Daemon.Process.Stray is { } stray)
            Violated("one thread, one clock", stray);
        Daemon.Look();
        Settle();
        if (Daemon?.Status is not { } status)
            return;
        foreach (var vm in World.Running)
        {
            if (vm.Wild && Daemon.Answered)
                vm.Calm(Rules.Promised(RequestSteps.Truth, vm), status.State.Ledger.Claims.GetValueOrDefault(vm.Id), Clock.Moment);
        }

        ViolationException.ThrowIf(ActorInvariants.Books(World, status.State));
        // While the host writes, it answers later: its last status is older than the set of running VMs.
        if (Daemon.Answered)
            ViolationException.ThrowIf(ActorInvariants.Gone(World, RequestSteps.Truth, status.State));
    }
}
