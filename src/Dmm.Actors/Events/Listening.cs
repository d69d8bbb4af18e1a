using Akka.Actor;

namespace Dmm.Actors.Events;

public static class Listening
{
    /// <summary>
    /// Starts an actor that hears of every <typeparamref name="TEvent"/> that is published from here on, also of those that are before it
    /// has begun to run: one that subscribed by itself would miss what a host that is started next tells at once.
    /// </summary>
    public static IActorRef ListenerOf<TEvent>(this ActorSystem system, Props props, string name)
    {
        var listener = system.ActorOf(props, name);
        system.EventStream.Subscribe(listener, typeof(TEvent));
        return listener;
    }
}
