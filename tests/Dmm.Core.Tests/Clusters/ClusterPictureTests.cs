using Dmm.Core.Clusters;

namespace Dmm.Core.Tests.Clusters;

/// <summary>Who has a name, who is the oldest, and which of two clusters gives way.</summary>
public sealed class ClusterPictureTests
{
    private static ClusterMember Member(string node, string address, int age = 0, MemberState state = MemberState.Up) =>
        new(NodeName.Parse(node), NodeRole.Host, address, "1", state, age);

    private static ClusterPicture Seen(string node, string self, params ClusterMember[] members) =>
        new(NodeName.Parse(node), self, [.. members], null);

    [Fact]
    public void The_name_belongs_to_whoever_came_up_first()
    {
        ClusterMember[] members = [Member("a", "x1", 0), Member("a", "x2", 3)];

        Assert.Null(Seen("a", "x1", members).OtherBearer());
        Assert.Equal("x1", Seen("a", "x2", members).OtherBearer()!.Address);
    }

    /// <summary>Two that join at the same time have no age yet: both sides must find the same one.</summary>
    [Fact]
    public void Of_two_that_join_together_exactly_one_gives_way()
    {
        ClusterMember[] members =
            [Member("a", "x1", int.MaxValue, MemberState.Joining), Member("a", "x2", int.MaxValue, MemberState.Joining)];

        Assert.Null(Seen("a", "x1", members).OtherBearer());
        Assert.NotNull(Seen("a", "x2", members).OtherBearer());
    }

    [Theory]
    [InlineData(MemberState.Leaving)]
    [InlineData(MemberState.Exiting)]
    [InlineData(MemberState.Down)]
    public void A_bearer_on_its_way_out_has_no_claim_to_the_name(MemberState state) =>
        Assert.Null(Seen("a", "x2", Member("a", "x1", 0, state), Member("a", "x2", 3)).OtherBearer());

    [Fact]
    public void A_former_life_at_the_same_address_is_no_other_bearer() =>
        Assert.Null(Seen("a", "x1", Member("a", "x1", 0), Member("a", "x1", int.MaxValue) with { Uid = "2" }).OtherBearer());

    [Fact]
    public void The_oldest_is_up_and_counts_by_role()
    {
        var picture = Seen(
            "a", "x1", Member("a", "x1", 2), Member("b", "x2", 1) with { Role = NodeRole.Observer },
            Member("c", "x3", 0, MemberState.Down), Member("d", "x4", int.MaxValue, MemberState.Joining));

        Assert.Equal("x2", picture.Oldest!.Address);
        Assert.Equal("x1", picture.OldestIn(NodeRole.Host)!.Address);
        Assert.Equal("x2", picture.OldestIn(NodeRole.Observer)!.Address);
    }

    /// <summary>Whichever of the two asks, and in whatever order, one side gives way, and not both.</summary>
    [Fact]
    public void Of_any_two_clusters_exactly_one_gives_way()
    {
        string[] founders = ["a#1", "a#2", "b#1"];
        var signs = founders.SelectMany(founder => Enumerable.Range(1, 4).Select(size => new ClusterSign(founder, size))).ToList();

        foreach (var (one, other) in signs.SelectMany(one => signs.Select(other => (one, other))))
        {
            var give = (Islands.GivesWay(one, other) ? 1 : 0) + (Islands.GivesWay(other, one) ? 1 : 0);
            Assert.Equal(one.Founder == other.Founder ? 0 : 1, give);
        }

        Assert.True(Islands.GivesWay(new("a#1", 1), new("b#1", 3)));
    }

    [Fact]
    public void A_node_that_is_not_up_has_no_cluster_to_speak_of() =>
        Assert.Null(Islands.SignOf(Seen("a", "x1", Member("a", "x1", int.MaxValue, MemberState.Joining))));

    [Fact]
    public void Each_change_of_a_member_is_told_once()
    {
        var before = Seen("a", "x1", Member("a", "x1"), Member("b", "x2"), Member("c", "x3"));
        var after = Seen(
            "a", "x1", Member("a", "x1"), Member("b", "x2") with { ObservedBy = ["x1"] }, Member("d", "x4"),
            Member("e", "x5", 9, MemberState.Down));

        Assert.Equal(
            ["nodeUnreachable", "nodeUp", "nodeDowned", "nodeLeft"], ClusterNotices.Between(before, after).Select(notice => notice.Kind));
        Assert.Equal("nodeReachable", Assert.Single(ClusterNotices.Between(
            Seen("a", "x1", Member("b", "x2") with { ObservedBy = ["x1"] }), Seen("a", "x1", Member("b", "x2")))).Kind);
        Assert.Empty(ClusterNotices.Between(after, after));
    }

    [Theory]
    [InlineData("node-1", "node-1")]
    [InlineData("Node-1.example.org", "node-1")]
    [InlineData("N1", "n1")]
    [InlineData("-x", null)]
    [InlineData("", null)]
    public void A_nodes_name_is_the_first_label_of_its_hosts(string host, string? name) =>
        Assert.Equal(name, NodeName.OfHost(host)?.Text);

    [Theory]
    [InlineData("a/b")]
    [InlineData("A")]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("_a")]
    public void A_text_that_is_no_nodes_name_is_refused_with_the_right_form(string text) => Assert.Equal(
        $"'{text}' is not a node's name; use {NodeName.Right}", Assert.Throws<FormatException>(() => NodeName.Parse(text)).Message);

    [Theory]
    [InlineData("n1", "n1:25520")]
    [InlineData("N1.Example.org:7", "n1.example.org:7")]
    [InlineData("192.0.2.1:65535", "192.0.2.1:65535")]
    [InlineData("n1:0", null)]
    [InlineData("n1:65536", null)]
    [InlineData("n1:", null)]
    [InlineData(":7", null)]
    [InlineData("n_1", null)]
    [InlineData("n1:7:8", null)]
    [InlineData("n1\n", null)]
    public void An_address_is_a_host_and_a_port(string text, string? read) =>
        Assert.Equal(read, NodeAddress.TryParse(text, 25520, out var address) ? address!.ToString() : null);
}
