using Akka.Actor;
using Akka.Serialization;

namespace Dmm.Clustering.Serialization;

/// <summary>Connects <see cref="NodeJson"/> to Akka's serialization.</summary>
public sealed class NodeSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Part of what nodes say to each other: never change.</summary>
    public const int Id = 4712;

    public override int Identifier => Id;

    public override string Manifest(object o) => NodeJson.NameOf(o);

    public override byte[] ToBinary(object obj) => NodeJson.Write(obj);

    public override object FromBinary(byte[] bytes, string manifest) => NodeJson.Read(bytes, manifest);
}
