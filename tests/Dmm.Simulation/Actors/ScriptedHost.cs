using Dmm.Core.Hosts;

namespace Dmm.Simulation.Actors;

/// <summary>
/// A simulated host on which operators follow a script, one request after the other. A request over which a daemon died is sent again, so
/// the same script leads to the same end, whether daemons die on the way or not.
/// </summary>
internal sealed class ScriptedHost
{
    /// <summary>No step of a script takes longer than this in virtual time.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly List<(string Moment, int Nth, bool After)> _deaths;
    private int _seen;

    /// <param name="deaths">
    /// The deaths, one after the other: the name of the event or call at which the daemon dies, its count since the last death (from 1),
    /// and whether the daemon dies after it was written or had its effect, but before anybody was told.
    /// </param>
    public ScriptedHost(DaemonSettings settings, HistoryLog log, params IEnumerable<(string Moment, int Nth, bool After)> deaths)
    {
        _deaths = [.. deaths];
        Host = new(settings, new(1), log);
        Host.Journal.Fate = e =>
        {
            Pass(e.GetType().Name, after: false);
            return (WriteFate.Written, TimeSpan.FromMilliseconds(1));
        };
        Host.Journal.Written = e => Pass(e.GetType().Name, after: true);
        Host.World.Fate = (call, _) =>
        {
            Pass(call, after: false);
            return CallFate.Done;
        };
        Host.World.Happened = (call, _) => Pass(call, after: true);
        Host.Start();
    }

    public SimulatedHost Host { get; }

    /// <summary>
    /// The number of times that each event was about to be written or each call about to be made, and that it was done, by name.
    /// </summary>
    public Dictionary<(string Moment, bool After), int> Moments { get; } = [];

    /// <summary>All deaths that were requested have happened.</summary>
    public bool AllDied => _deaths.Count == 0;

    public HostProtocol.Status Status => Host.Daemon?.Status ?? throw new InvalidOperationException("no daemon says how it is");

    /// <summary>Lets time go by until the condition holds.</summary>
    public void Until(string what, Func<bool> so)
    {
        var until = Host.Clock.Now + Patience;
        while (!so())
        {
            Host.Step();
            if (Host.Violation is { } violation)
                throw new InvalidOperationException($"{violation.Rule}: {violation.What}");
            if (Host.Clock.Now > until)
                throw new InvalidOperationException($"not within {Patience}: {what}; {Host.Daemon?.Status?.State}");
        }
    }

    /// <summary>Waits until the daemon's own status meets the condition; a dead daemon has no status.</summary>
    public void UntilStatus(string what, Func<HostProtocol.Status, bool> so) =>
        Until(what, () => Host.Daemon?.Status is { } status && so(status));

    public void Wait(TimeSpan time)
    {
        var until = Host.Clock.Now + time;
        Until("time goes by", () => Host.Clock.Now >= until);
    }

    /// <summary>
    /// Sends a request until it is answered. A daemon may have died after it did what was asked and before it answered: then its
    /// successor refuses, although what was asked for is done.
    /// </summary>
    public void Ask(object message, string text, Func<HostProtocol.Status, bool> done) => Ask(() => message, text, done);

    /// <inheritdoc cref="Ask(object, string, Func{HostProtocol.Status, bool})"/>
    /// <param name="message">Makes the request anew each time.</param>
    public void Ask(Func<object> message, string text, Func<HostProtocol.Status, bool> done)
    {
        for (var asked = 0; ;)
        {
            UntilStatus($"a daemon is there to ask: {text}", _ => true);
            if (asked > 0 && done(Status))
                return;
            object? answer = null;
            var daemon = Host.Daemon!;
            asked++;
            daemon.Ask(message(), text, a => answer = a);
            Until($"an answer: {text}", () => answer is not null || Host.Daemon != daemon);
            if (answer is HostProtocol.Refused refused && !(asked > 1 && done(Status)))
                throw new InvalidOperationException($"{text} is refused: {refused.Why}");
            if (answer is not null)
                return;
        }
    }

    private void Pass(string moment, bool after)
    {
        Moments[(moment, after)] = Moments.GetValueOrDefault((moment, after)) + 1;
        if (_deaths is not [var death, ..] || death.Moment != moment || death.After != after || ++_seen < death.Nth)
            return;
        _deaths.RemoveAt(0);
        _seen = 0;
        Host.Say($"it dies {(after ? "after" : "before")} {moment}");
        Host.Kill();
    }
}
