using Dmm.Core.Clusters;
using Dmm.Hocon;

namespace Dmm.Settings.Tests;

/// <summary>The section dmm.cluster: alone by default, and whole where it is set.</summary>
public sealed class ClusterSectionTests
{
    private const string Tls = "tls { certificate = \"/c\", key = \"/k\", authority = \"/a\" }";

    [Fact]
    public void A_node_runs_alone_unless_it_has_seeds_or_a_discovery()
    {
        Assert.Null(DmmSettings.Parse("", "t.conf").Cluster);
        Assert.Null(DmmSettings.Parse("dmm.cluster.port = 7", "t.conf").Cluster);
        Assert.NotEqual("", DmmSettings.Parse("", "t.conf").Node.Text);
    }

    [Fact]
    public void All_of_it_is_read()
    {
        var cluster = DmmSettings.Parse(
            $$"""
            dmm.node = n1
            dmm.cluster {
              seeds = ["n1", "n2:7"], address = "192.0.2.1", port = 25521, role = observer, downing = static-quorum, quorum = 2
              stable-after = 5s, heartbeat = 1s, pause = 3s, {{Tls}}
            }
            """,
            "t.conf").Cluster!;

        Assert.Equal("n1", cluster.Node.Text);
        Assert.Equal("192.0.2.1:25521", cluster.Address.ToString());
        Assert.Equal(["n1:25521", "n2:7"], cluster.Seeds.Select(seed => seed.ToString()));
        Assert.Equal((NodeRole.Observer, DowningKind.StaticQuorum, 2), (cluster.Role, cluster.Downing, cluster.Quorum));
        Assert.Equal((5, 1, 3), (cluster.StableAfter.TotalSeconds, cluster.Heartbeat.TotalSeconds, cluster.Pause.TotalSeconds));
        Assert.Equal(new("/c", "/k", "/a"), cluster.Tls);
    }

    /// <summary>The example for three hosts is a whole one.</summary>
    [Fact]
    public void The_example_is_right()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "DMM.sln")))
            folder = Path.GetDirectoryName(folder)!;

        var settings = DmmSettings.Load(Path.Combine(folder, "config", "cluster.conf"));

        Assert.Equal((3, "node1.example.org:25520"), (settings.Cluster!.Seeds.Length, settings.Cluster.Address.ToString()));
    }

    [Theory]
    [InlineData("seeds = [\"a b\"]", "dmm.cluster.seeds in t.conf is a list; it must be a list of at most 32 items, each HOST or")]
    [InlineData("seeds = n1", "dmm.cluster.seeds in t.conf is 'n1'; it must be a list of at most 32 items, each HOST or HOST:PORT, ")]
    [InlineData("seeds = [n1], tls.key = \"/k\", tls.authority = \"/a\"", "dmm.cluster.tls.certificate in reference.conf is ''; it must")]
    [InlineData("seeds = [n1], TLS, downing = static-quorum", "dmm.cluster.quorum in reference.conf is '0'; it must be at least 1")]
    [InlineData("seeds = [n1], TLS, downing = keep-referee", "dmm.cluster.downing in t.conf is 'keep-referee'; it must be one of keep-")]
    [InlineData("seeds = [n1], TLS, heartbeat = 1s", "dmm.cluster.pause in reference.conf is '1500ms'; it must be at least twice")]
    [InlineData("discovery = dns, TLS", "dmm.cluster.service in reference.conf is ''; it must be a host's name")]
    [InlineData("discovery = file, service = nodes, TLS", "dmm.cluster.service in t.conf is 'nodes'; it must be an absolute path")]
    [InlineData("seeds = [n1], TLS, address = \"a:7\"", "dmm.cluster.address in t.conf is 'a:7'; it must be auto, or a host's name")]
    public void What_can_not_be_is_one_line_with_what_would_be_right(string cluster, string fault)
    {
        var text = $"dmm.cluster {{ {cluster.Replace("TLS", Tls, StringComparison.Ordinal)} }}";

        var faults = Assert.Throws<SettingsException>(() => DmmSettings.Parse(text, "t.conf")).Faults;

        Assert.StartsWith(fault, Assert.Single(faults), StringComparison.Ordinal);
    }
}
