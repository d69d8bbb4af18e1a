using Akka.Actor;

namespace Dmm.Actors.Supervision;

/// <summary>Watches actors that are not restarted, and reports once for each that it has ended although the system goes on.</summary>
public sealed class VitalActor : ReceiveActor
{
    public const string Name = "vital";

    /// <param name="ended">Called with the name of the actor that has ended.</param>
    public VitalActor(IReadOnlyList<IActorRef> vital, Action<string> ended)
    {
        foreach (var actor in vital)
            Context.Watch(actor);
        Receive<Terminated>(terminated =>
        {
            if (CoordinatedShutdown.Get(Context.System).ShutdownReason is null)
                ended(terminated.ActorRef.Path.Name);
        });
    }

    public static Props Props(IReadOnlyList<IActorRef> vital, Action<string> ended) =>
        Akka.Actor.Props.Create(() => new VitalActor(vital, ended));
}
