using Akka.Actor;
using Akka.Serialization;

namespace Dmm.Actors.Serialization;

/// <summary>Connects <see cref="HostEventJson"/> to Akka's serialization.</summary>
public sealed class HostEventSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Part of the journal's format: never change.</summary>
    public const int Id = 4711;

    public override int Identifier => Id;

    public override string Manifest(object o) => HostEventJson.NameOf(o);

    public override byte[] ToBinary(object obj) => HostEventJson.Write(obj);

    public override object FromBinary(byte[] bytes, string manifest) => HostEventJson.Read(bytes, manifest);
}
