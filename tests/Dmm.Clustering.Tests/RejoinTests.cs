using Dmm.Core;
using Dmm.Core.Clusters;

namespace Dmm.Clustering.Tests;

/// <summary>Nodes that are out of their cluster, or have other certificates: they join again by themselves.</summary>
[Trait(Category.Name, Category.Long)]
public sealed class RejoinTests : IAsyncLifetime
{
    private readonly Nodes _nodes = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _nodes.DisposeAsync();

    [Fact]
    public async Task A_downed_node_joins_again_by_itself_under_a_new_uid()
    {
        var nodes = await _nodes.FormAsync("a", "b", "c");
        var before = nodes[2].Picture.Own!.Uid;

        nodes[0].Down(nodes[0].Picture.Find(NodeName.Parse("c"))!);

        await _nodes.Until(
            () => nodes[2].Picture.Own is { State: MemberState.Up } own && own.Uid != before && nodes.All(node => Nodes.Ups(node) == 3),
            "c is back");
        Assert.Contains(_nodes.SaidBy(nodes[2].Settings.Address), line => line.StartsWith("clusterLost", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_is_downed_again_and_again_is_back_each_time_without_a_third_start()
    {
        var places = new[] { Nodes.FreePlace(), Nodes.FreePlace() };
        var nodes = new[] { "a", "b" }.Zip(places, (name, place) =>
            _nodes.Start(_nodes.Settings(name, place, places) with { JoinWithin = TimeSpan.FromHours(1) })).ToList();
        await _nodes.Until(() => nodes.All(node => Nodes.Ups(node) == 2), "both are up");

        for (var time = 0; time < 6; time++)
        {
            var before = nodes[1].Picture.Own!.Uid;
            nodes[0].Down(nodes[0].Picture.Find(NodeName.Parse("b"))!);
            await _nodes.Until(
                () => nodes.All(node => Nodes.Ups(node) == 2) && nodes[1].Picture.Own is { } own && own.Uid != before,
                $"b is back ({time})");
        }
    }

    [Fact]
    public async Task A_node_that_nobody_takes_in_says_so_and_begins_anew_until_somebody_does()
    {
        var places = new[] { Nodes.FreePlace(), Nodes.FreePlace() };

        var node = _nodes.Start(_nodes.Settings("b", places[1], [places[0]]) with { JoinWithin = TimeSpan.FromSeconds(1) });

        await _nodes.Until(
            () => _nodes.SaidBy(places[1]).Any(line => line.Contains("no node that it knows has taken it in", StringComparison.Ordinal)),
            "it says so");
        var other = _nodes.Start(_nodes.Settings("a", places[0], [places[0]]));
        await _nodes.Until(() => Nodes.Ups(node) == 2 && Nodes.Ups(other) == 2, "both are up");
    }

    [Fact]
    public async Task A_renewed_certificate_is_used_without_a_restart()
    {
        var nodes = await _nodes.FormAsync("a", "b");
        var (ends, place) = (nodes[1].CertificateEnds, nodes[1].Settings.Address);
        await Task.Delay(1_100);

        _nodes.Files("b", place);

        await _nodes.Until(
            () => nodes[1].CertificateEnds > ends && nodes.All(node => Nodes.Ups(node) == 2), "b is back with the new one");
    }

    [Fact]
    public async Task A_renewed_certificate_that_can_not_be_used_is_told_and_the_old_one_stays()
    {
        var nodes = await _nodes.FormAsync("a", "b");
        var (ends, tls) = (nodes[1].CertificateEnds, nodes[1].Settings.Tls);

        await File.WriteAllTextAsync(tls.Certificate, "nothing");

        await _nodes.Until(
            () => _nodes.SaidBy(nodes[1].Settings.Address).Any(line => line.StartsWith("certificateUnusable", StringComparison.Ordinal)),
            "it is told");
        Assert.Equal(ends, nodes[1].CertificateEnds);

        // Also where it must join anew meanwhile.
        var before = nodes[1].Picture.Own!.Uid;
        nodes[0].Down(nodes[0].Picture.Find(NodeName.Parse("b"))!);
        await _nodes.Until(
            () => nodes.All(node => Nodes.Ups(node) == 2) && nodes[1].Picture.Own is { } own && own.Uid != before,
            "b is back with the old one");
    }
}
