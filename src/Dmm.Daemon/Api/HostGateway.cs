using Akka.Actor;
using Dmm.Actors.Events;
using Dmm.Actors.Explaining;
using Dmm.Actors.Supervision;
using Dmm.Core;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Daemon.Hosting;

namespace Dmm.Daemon.Api;

/// <summary>
/// Gives the HTTP side access to the actors, through their supervisor, which answers at once where the host's actor can't. Every
/// question has a deadline, and fails at once when an actor that is needed for the answer has ended.
/// </summary>
public sealed class HostGateway(IActorRef dmm, IActorRef events, IActorRef decisions, Vitals vitals)
{
    /// <summary>
    /// Longer than the usual wait for the journal's lock, because a change is answered only after it is in the journal.
    /// </summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    public IActorRef Events => events;

    /// <exception cref="UnavailableException">Nothing is known yet.</exception>
    public async Task<HostProtocol.Status> StatusAsync(CancellationToken cancellation) =>
        await AskAsync<object>(dmm, new KeeperProtocol.Look(), cancellation) switch
        {
            HostProtocol.Status status => status,
            HostProtocol.Refused refused => throw new UnavailableException(refused.Why),
            var other => throw new UnavailableException($"an answer of an unknown kind: {other}"),
        };

    public Task<JournalHealth> HealthAsync(CancellationToken cancellation) =>
        AskAsync<JournalHealth>(dmm, new KeeperProtocol.GetHealth(), cancellation);

    /// <summary>Returns <see cref="HostProtocol.Done"/> or <see cref="HostProtocol.Refused"/>.</summary>
    public Task<object> CommandAsync(object command, CancellationToken cancellation) =>
        AskAsync<object>(dmm, new KeeperProtocol.Change(command), cancellation);

    /// <param name="at">Null: now.</param>
    public Task<Explanation> ExplainAsync(VmId vm, DateTimeOffset? at, CancellationToken cancellation) =>
        AskAsync<Explanation>(decisions, new DecisionLogActor.Explain(vm, at), cancellation);

    public Task<EventLogActor.Events> EventsAsync(
        DateTimeOffset? since, long after, CancellationToken cancellation, int last = int.MaxValue) =>
        AskAsync<EventLogActor.Events>(events, new EventLogActor.Read(since, after, last), cancellation);

    private async Task<T> AskAsync<T>(IActorRef actor, object question, CancellationToken cancellation)
    {
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, vitals.Gone);
            either.Token.ThrowIfCancellationRequested();
            return await actor.Ask<T>(question, Deadline, either.Token);
        }
        catch (OperationCanceledException) when (vitals.Why is { } why && !cancellation.IsCancellationRequested)
        {
            throw new UnavailableException(why);
        }
    }
}

/// <summary>The answer can't be given now; the message says why.</summary>
public sealed class UnavailableException : Exception
{
    public UnavailableException()
    {
    }

    public UnavailableException(string message)
        : base(message)
    {
    }

    public UnavailableException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
