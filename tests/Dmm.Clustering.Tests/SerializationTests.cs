using System.Reflection;
using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;
using Dmm.Clustering.Serialization;
using Dmm.Core;

namespace Dmm.Clustering.Tests;

/// <summary>What nodes say to each other, and what a node refuses to read.</summary>
public sealed class SerializationTests(SerializationTests.Node node) : IClassFixture<SerializationTests.Node>
{
    private static readonly INodeMessage[] Samples =
    [
        new Hello(null), new Hello(new("akka.ssl.tcp://dmm@a:1#7", 3)), new HelloAnswer(null), new HelloAnswer(new("b", 1)),
    ];

    private Akka.Serialization.Serialization Wire => node.Wire;

    [Fact]
    public void Every_message_between_nodes_has_a_name_and_a_sample()
    {
        var messages = typeof(INodeMessage).Assembly.GetTypes()
            .Where(type => type.IsClass && type.IsAssignableTo(typeof(INodeMessage))).ToList();

        Assert.Empty(messages.Except(NodeJson.Manifests.Values));
        Assert.Empty(NodeJson.Manifests.Values.Except(messages));
        Assert.Empty(messages.Except(Samples.Select(sample => sample.GetType())));
        Assert.All(NodeJson.Manifests.Keys, name => Assert.Matches("^[a-z-]+-[0-9]+$", name));
    }

    [Fact]
    public void Every_message_comes_out_of_the_wire_as_it_went_in()
    {
        foreach (var sample in Samples)
        {
            var serializer = Wire.FindSerializerFor(sample);
            var text = serializer.ToBinary(sample);

            Assert.Equal(NodeSerializer.Id, serializer.Identifier);
            Assert.Equal(sample, Wire.Deserialize(text, serializer.Identifier, NodeJson.NameOf(sample)));
            Assert.StartsWith("{", Encoding.UTF8.GetString(text), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_later_release_may_add_members() =>
        Assert.Equal(
            new Hello(new("b", 1)),
            NodeJson.Read("""{"cluster":{"founder":"b","size":1,"since":"2027"},"more":[1]}"""u8, "hello-1"));

    [Theory]
    [InlineData("hello-1", "")]
    [InlineData("hello-1", "null")]
    [InlineData("hello-1", "[]")]
    [InlineData("hello-1", "{\"cluster\":7}")]
    [InlineData("hello-1", "{\"cluster\":{\"founder\":null,\"size\":1}}")]
    [InlineData("hello-1", "{\"cluster\":{\"founder\":\"b\",\"size\":99999999999}}")]
    [InlineData("hello-9", "{}")]
    [InlineData("Dmm.Clustering.Serialization.Hello", "{}")]
    public void Text_that_is_no_message_is_refused(string name, string text) =>
        Assert.Throws<SerializationException>(() => NodeJson.Read(Encoding.UTF8.GetBytes(text), name));

    [Fact]
    public void A_text_beyond_the_bound_is_refused_both_ways()
    {
        var founder = new string('a', ClusterHocon.LongestMessage);

        Assert.Throws<SerializationException>(() => NodeJson.Write(new Hello(new(founder, 1))));
        Assert.Throws<SerializationException>(
            () => NodeJson.Read(Encoding.UTF8.GetBytes($$$"""{"cluster":{"founder":"{{{founder}}}","size":1}}"""), "hello-1"));
    }

    [Fact]
    public void What_has_no_serializer_of_its_own_can_not_be_sent()
    {
        object[] others = [new object(), new Uri("http://a"), new List<int> { 1 }, PoisonPill.Instance, Kill.Instance,
            new Status.Failure(new InvalidOperationException("x")), RoundRobin()];

        Assert.All(others, other => Assert.ThrowsAny<SerializationException>(() => Wire.FindSerializerFor(other).ToBinary(other)));

        static object RoundRobin() => new Akka.Routing.RoundRobinPool(3);
    }

    /// <summary>Each number below 41 is one of Akka's own serializers: those that are not needed read nothing.</summary>
    [Theory]
    [InlineData(1, "System.IO.FileInfo, System.Runtime")]
    [InlineData(2, "Google.Protobuf.WellKnownTypes.Any, Google.Protobuf")]
    [InlineData(3, "Akka.Remote.DaemonMsgCreate, Akka.Remote")]
    [InlineData(36, "System.Object")]
    [InlineData(16, "PP")]
    [InlineData(16, "K")]
    [InlineData(16, "STF")]
    [InlineData(16, "RORRP")]
    [InlineData(16, "CF")]
    [InlineData(22, "Akka.Dispatch.SysMsg.Suspend, Akka")]
    [InlineData(22, "Akka.Dispatch.SysMsg.Recreate, Akka")]
    [InlineData(22, "Akka.Dispatch.SysMsg.Terminate, Akka")]
    public void What_could_make_any_object_or_end_an_actor_is_not_read(int serializer, string manifest) =>
        Assert.Matches(
            "which is off|not a message between nodes",
            Assert.ThrowsAny<Exception>(() => Wire.Deserialize("{}"u8.ToArray(), serializer, manifest)).ToString());

    /// <summary>A serializer that a later Akka brings must be looked at before it may read what another node sends.</summary>
    [Fact]
    public void These_serializers_and_no_others_read_what_a_node_sends()
    {
        var byId = (Dictionary<int, Serializer>)typeof(Akka.Serialization.Serialization)
            .GetField("_serializersById", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(Wire)!;

        Assert.Equal(
            [
                "0 Akka.Serialization.NullSerializer",
                "1 Dmm.Clustering.Serialization.NoJson",
                "2 Dmm.Clustering.Serialization.NoProtobuf",
                "3 Dmm.Clustering.Serialization.NoDeployment",
                "4 Akka.Serialization.ByteArraySerializer",
                "5 Akka.Cluster.Serialization.ClusterMessageSerializer",
                "6 Akka.Remote.Serialization.MessageContainerSerializer",
                "16 Dmm.Clustering.Serialization.GuardedMisc",
                "17 Akka.Remote.Serialization.PrimitiveSerializers",
                "22 Dmm.Clustering.Serialization.GuardedSystem",
                "36 Dmm.Clustering.Serialization.NoDelivery",
                "4712 Dmm.Clustering.Serialization.NodeSerializer",
                "4713 Dmm.Clustering.Serialization.NoSerializer",
            ],
            byId.OrderBy(each => each.Key).Select(each => $"{each.Key} {each.Value.GetType().FullName}"));
    }

    /// <summary>An actor system with a node's real configuration, but for the lock of its port.</summary>
    public sealed class Node : IDisposable
    {
        private readonly ActorSystem _system = ActorSystem.Create(
            ClusterHocon.System,
            BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString(
                    """
                    akka.remote.dot-netty.tcp { enable-ssl = off, port = 0, hostname = 127.0.0.1 }
                    akka.loglevel = OFF
                    akka.stdout-loglevel = OFF
                    """)
                .WithFallback(ClusterHocon.Of(
                    new(NodeName.Parse("a"), new("127.0.0.1", 25520), [], new("", "", "")), "0.1.0"))));

        public Akka.Serialization.Serialization Wire => ((ExtendedActorSystem)_system).Serialization;

        public void Dispose() => _system.Terminate().Wait();
    }
}
