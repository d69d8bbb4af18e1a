using Akka.Actor;

namespace Dmm.Actors.Events;

public static class Listening
{
    /// <summary>
    /// Starts an actor that gets every <typeparamref name="TEvent"/> published from here on, even those published before it runs. An
    /// actor that subscribed itself when it starts would miss the first events of a host that is started next.
    /// </summary>
    public static IActorRef ListenerOf<TEvent>(this ActorSystem system, Props props, string name)
    {
        var listener = system.ActorOf(props, name);
        system.EventStream.Subscribe(listener, typeof(TEvent));
        return listener;
    }
}
