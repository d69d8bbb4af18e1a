using Dmm.Core.Clusters;

namespace Dmm.Clustering.Tests;

/// <summary>Nodes find the first others to ask by a name or a file.</summary>
[Trait(Category.Name, Category.Long)]
public sealed class DiscoveryTests : IAsyncLifetime
{
    private readonly Nodes _nodes = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _nodes.DisposeAsync();

    [Fact]
    public async Task Nodes_find_each_other_by_a_file()
    {
        var places = new[] { Nodes.FreePlace(), Nodes.FreePlace() }.OrderBy(place => place.ToString(), StringComparer.Ordinal).ToArray();
        var file = Path.Combine(_nodes.Folder, "nodes");
        await File.WriteAllTextAsync(file, $"# our nodes\n{places[1]}\n\n{places[0]} # the first\n");

        var nodes = places.Select((place, i) => _nodes.Start(
            _nodes.Settings($"n{i}", place, []) with { Discovery = DiscoveryKind.File, Service = file })).ToList();

        await _nodes.Until(() => nodes.All(node => Nodes.Ups(node) == 2), "both are up");
    }

    [Fact]
    public async Task Nodes_find_each_other_by_a_name()
    {
        var place = Nodes.FreePlace();

        var node = _nodes.Start(
            _nodes.Settings("a", place, []) with { Discovery = DiscoveryKind.Dns, Service = $"localhost:{place.Port}" });

        await _nodes.Until(() => Nodes.Ups(node) == 1, "it has found its own address, and founded the cluster");
    }

    [Fact]
    public async Task A_line_that_is_no_address_is_named_and_the_others_are_used()
    {
        var place = Nodes.FreePlace();
        var file = Path.Combine(_nodes.Folder, "nodes");
        await File.WriteAllTextAsync(file, $"{place}\nn1:port\n");

        var node = _nodes.Start(_nodes.Settings("a", place, []) with { Discovery = DiscoveryKind.File, Service = file });

        await _nodes.Until(() => Nodes.Ups(node) == 1, "it is up");
        Assert.Contains(_nodes.SaidBy(place), line => line.StartsWith("discoveryFailed", StringComparison.Ordinal)
            && line.Contains("'n1:port'; it must be HOST or HOST:PORT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_discovery_that_finds_nothing_is_told()
    {
        var place = Nodes.FreePlace();

        var node = _nodes.Start(_nodes.Settings("a", place, []) with { Discovery = DiscoveryKind.File, Service = "/nowhere/nodes" });

        await _nodes.Until(() => node.Picture.Trouble?.Contains("/nowhere/nodes", StringComparison.Ordinal) == true, "it is told");
    }
}
