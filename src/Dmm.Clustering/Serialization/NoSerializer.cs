using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace Dmm.Clustering.Serialization;

/// <summary>
/// Stands in the place of a serializer of Akka's that makes objects of whatever type a sender names (Newtonsoft's with type names, the
/// general one of protobuf), or that deploys actors. What has no serializer of its own can't be sent, and says so at the first try.
/// </summary>
public class NoSerializer(ExtendedActorSystem system) : Serializer(system)
{
    /// <summary>A number that nobody sends.</summary>
    public const int Id = 4713;

    public override int Identifier => Id;

    public override bool IncludeManifest => false;

    public override byte[] ToBinary(object obj) =>
        throw new SerializationException($"{obj?.GetType()} is not a message between nodes: it has no serializer");

    public override object FromBinary(byte[] bytes, Type type) =>
        throw new SerializationException($"a message came for serializer {Identifier}, which is off: it can make objects of any type");
}

/// <summary>In place of Newtonsoft's, which binds any object.</summary>
public sealed class NoJson : NoSerializer
{
    /// <param name="config">Akka passes Newtonsoft's settings.</param>
    public NoJson(ExtendedActorSystem system, Config config)
        : base(system) => _ = config;

    public override int Identifier => 1;
}

/// <summary>In place of the general one of protobuf.</summary>
public sealed class NoProtobuf(ExtendedActorSystem system) : NoSerializer(system)
{
    public override int Identifier => 2;
}

/// <summary>In place of the one by which an actor is deployed on another node.</summary>
public sealed class NoDeployment(ExtendedActorSystem system) : NoSerializer(system)
{
    public override int Identifier => 3;
}

/// <summary>In place of that of Akka's reliable delivery, which DMM does not use.</summary>
public sealed class NoDelivery(ExtendedActorSystem system) : NoSerializer(system)
{
    public override int Identifier => 36;
}
