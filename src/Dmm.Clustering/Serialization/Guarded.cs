using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Dispatch.SysMsg;
using Akka.Remote.Serialization;
using Akka.Serialization;

namespace Dmm.Clustering.Serialization;

/// <summary>
/// Akka's serializer of small messages, of which only those pass that a cluster needs: who is there, and heartbeats of watched nodes. Its
/// others end actors, configure routers, or make exceptions of types that the sender names.
/// </summary>
public sealed class GuardedMisc(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Identify, ActorIdentity, an actor's address, and the heartbeat of watched nodes and its answer.</summary>
    private static readonly string[] Passed = ["ID", "AID", "AR", "RWHB", "RWHR"];

    private readonly MiscMessageSerializer _inner = new(system);

    public override int Identifier => 16;

    public override string Manifest(object o) => _inner.Manifest(o);

    public override byte[] ToBinary(object obj) =>
        Passed.Contains(_inner.Manifest(obj)) ? _inner.ToBinary(obj)
        : throw new SerializationException($"{obj.GetType()} is not a message between nodes");

    public override object FromBinary(byte[] bytes, string manifest) =>
        Passed.Contains(manifest) ? _inner.FromBinary(bytes, manifest)
        : throw new SerializationException($"a node sent '{Core.Echo.Of(manifest)}', which is not a message between nodes");
}

/// <summary>
/// Akka's serializer of its system messages, of which only those of watching pass: the others suspend, restart or end an actor.
/// </summary>
public sealed class GuardedSystem(ExtendedActorSystem system) : Serializer(system)
{
    private static readonly Type[] Passed = [typeof(Watch), typeof(Unwatch), typeof(DeathWatchNotification)];

    private readonly SystemMessageSerializer _inner = new(system);

    public override int Identifier => 22;

    public override bool IncludeManifest => true;

    public override byte[] ToBinary(object obj) =>
        Passed.Contains(obj.GetType()) ? _inner.ToBinary(obj)
        : throw new SerializationException($"{obj.GetType()} is not a message between nodes");

    public override object FromBinary(byte[] bytes, Type type) =>
        Passed.Contains(type) ? _inner.FromBinary(bytes, type)
        : throw new SerializationException($"a node sent {type}, which is not a message between nodes");
}
