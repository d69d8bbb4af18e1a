using Akka.Actor;
using Dmm.Actors.Events;
using Dmm.Actors.Hosts;

namespace Dmm.Daemon.Api;

/// <summary>The HTTP side's way to the actors: every question has a deadline.</summary>
public sealed class HostGateway(IActorRef host, IActorRef events)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    public IActorRef Events => events;

    public Task<HostProtocol.Status> StatusAsync(CancellationToken cancellation) =>
        host.Ask<HostProtocol.Status>(new HostProtocol.GetStatus(), Deadline, cancellation);

    /// <summary>Answers <see cref="HostProtocol.Done"/> or <see cref="HostProtocol.Refused"/>.</summary>
    public Task<object> CommandAsync(object command, CancellationToken cancellation) => host.Ask<object>(command, Deadline, cancellation);

    public Task<EventLogActor.Events> EventsAsync(DateTimeOffset? since, long after, CancellationToken cancellation) =>
        events.Ask<EventLogActor.Events>(new EventLogActor.Read(since, after), Deadline, cancellation);
}
