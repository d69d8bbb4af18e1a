using Dmm.Core;

namespace Dmm.Clustering.Tests;

/// <summary>Stories of nodes that find, lose and refuse each other, over real sockets with TLS.</summary>
[Trait(Category.Name, Category.Long)]
public sealed class MembershipTests : IAsyncLifetime
{
    private readonly Nodes _nodes = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _nodes.DisposeAsync();

    [Fact]
    public async Task Three_nodes_form_one_cluster_and_all_see_the_same()
    {
        var nodes = await _nodes.FormAsync("a", "b", "c");

        Assert.All(nodes, node => Assert.Equal(["a", "b", "c"], node.Picture.Members.Select(m => m.Node.Text).Order()));
        Assert.Single(nodes.Select(node => node.Picture.Oldest!.Address).Distinct());
        Assert.All(nodes, node => Assert.Equal("0.1.0", node.Picture.Own!.Version));
        Assert.All(nodes, node => Assert.StartsWith("akka.ssl.tcp://dmm@127.0.0.1:", node.Picture.Self, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_leaves_in_good_order_is_gone_at_once_and_comes_back_when_it_is_told_to()
    {
        var nodes = await _nodes.FormAsync("a", "b", "c");
        var c = nodes[2];

        Assert.NotNull(nodes[0].Leave(nodes[0].Picture.Find(NodeName.Parse("c"))!));

        await _nodes.Until(() => Nodes.Ups(nodes[0]) == 2 && Nodes.Ups(nodes[1]) == 2, "two are left");
        await _nodes.Until(() => c.Picture.Trouble is not null, "c knows that it has left");
        Assert.DoesNotContain(_nodes.SaidBy(nodes[0].Settings.Address), line => line.StartsWith("nodeDowned", StringComparison.Ordinal));
        await _nodes.Until(c.Join, "c joins again");
        await _nodes.Until(() => nodes.All(node => Nodes.Ups(node) == 3), "all are up again");
    }

    [Fact]
    public async Task A_second_bearer_of_a_name_is_refused_with_who_has_it()
    {
        var nodes = await _nodes.FormAsync("a", "b");
        var places = nodes.Select(node => node.Settings.Address).ToArray();

        var second = _nodes.Start(_nodes.Settings("b", Nodes.FreePlace(), places));

        await _nodes.Until(() => second.Picture.Trouble?.Contains("the name b", StringComparison.Ordinal) == true, "it is refused");
        Assert.Contains(places[1].ToString(), second.Picture.Trouble, StringComparison.Ordinal);
        await _nodes.Until(() => nodes.All(node => Nodes.Ups(node) == 2 && node.Picture.Members.Length == 2), "the first bearer stays");
        Assert.Equal(nodes[1].Picture.Self, nodes[0].Picture.Find(NodeName.Parse("b"))!.Address);
    }

    [Fact]
    public async Task Two_clusters_that_were_founded_apart_become_one()
    {
        var (one, other) = (Nodes.FreePlace(), Nodes.FreePlace());
        var pair = await _nodes.FormAsync("a", "b");
        var alone = _nodes.Start(_nodes.Settings("x", one, [one]));
        await _nodes.Until(() => Nodes.Ups(alone) == 1, "x has founded its own");

        // A node whose seeds lead to both: it joins one of them, and the two learn of each other through it.
        var link = _nodes.Start(_nodes.Settings("y", other, [pair[0].Settings.Address, one, other]));

        await _nodes.Until(
            () => new[] { pair[0], pair[1], alone, link }.All(node => Nodes.Ups(node) == 4), "all four are in one");
    }

    [Fact]
    public async Task A_node_with_a_certificate_of_another_authority_does_not_join()
    {
        var nodes = await _nodes.FormAsync("a", "b");
        var strange = ClusterAuthority.Create("strange", TimeSpan.FromDays(1), DateTimeOffset.UtcNow);

        var intruder = _nodes.Start(_nodes.Settings("c", Nodes.FreePlace(), [nodes[0].Settings.Address], strange));

        await Task.Delay(5_000);
        Assert.Null(intruder.Picture.Own);
        Assert.All(nodes, node => Assert.Equal(2, node.Picture.Members.Length));
    }
}
