using System.Net;
using Dmm.Contracts;

namespace Dmm.Cli.Tests.Verbs;

/// <summary><c>dmm cluster</c>: what people and programs see, and what is asked of the daemon.</summary>
public sealed class ClusterTests
{
    private static readonly ClusterView View = new(
        "n1", "akka.ssl.tcp://dmm@n1:25520", null, "n1", "n1",
        [
            new("n1", "akka.ssl.tcp://dmm@n1:25520", "host", "up", [], "0.1.0"),
            new("n2", "akka.ssl.tcp://dmm@n2:25520", "host", "up", ["n1"], "0.1.0"),
            new("n3", "akka.ssl.tcp://dmm@n3:25520", "observer", "joining", [], "0.2.0"),
        ]);

    [Fact]
    public async Task The_status_says_how_many_are_up_and_what_is_wrong()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/cluster", View);

        var result = await Command.RunAsync(daemon, "cluster", "status");

        Assert.Equal(
            [
                "n1 sees 1 of 3 nodes up; leader n1, oldest n1",
                "n2 is not reached by n1",
                "n3 is joining",
                "releases: n1 0.1.0, n2 0.1.0, n3 0.2.0",
            ],
            result.Lines);
    }

    [Fact]
    public async Task A_node_that_is_out_says_why_and_that_its_VMs_are_managed()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On(
            "GET /api/v1/cluster", View with { Trouble = "the others went on without it", Members = [] });

        var result = await Command.RunAsync(daemon, "cluster", "status");

        Assert.Equal(["n1 is in no cluster: the others went on without it; its VMs are managed as before"], result.Lines);
    }

    [Fact]
    public async Task A_node_that_runs_alone_says_so()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On(
            "GET /api/v1/cluster", new ClusterView("n1", null, null, null, null, []));

        var result = await Command.RunAsync(daemon, "cluster", "members");

        Assert.Equal(["n1 runs alone; dmm.cluster.seeds makes it a member of a cluster"], result.Lines);
    }

    [Fact]
    public async Task Members_are_a_table_for_people_and_an_object_for_programs()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/cluster", View);

        var text = await Command.RunAsync(daemon, "cluster", "members");
        var json = await Command.RunAsync(daemon, "cluster", "members", "--json");

        Assert.Matches(@"^NODE +STATE +ROLE +ADDRESS +RELEASE +UNREACHABLE", text.Lines[0]);
        Assert.Matches(@"^n2 +up +host +akka\.ssl\.tcp://dmm@n2:25520 +0\.1\.0 +n1$", text.Lines[2].TrimEnd());
        Assert.Equal("n3", (string)json.Json["members"]![2]!["node"]!);
    }

    [Fact]
    public async Task Orders_name_the_node_and_a_refusal_is_one_line()
    {
        await using var daemon = (await FakeDaemon.StartAsync())
            .On("POST /api/v1/cluster/leave", new MessageView("node n2 leaves"))
            .On("POST /api/v1/cluster/join", new MessageView("node n1 joins"))
            .On("POST /api/v1/cluster/down", new ErrorView("there is no node n9 in the cluster", "notFound"), HttpStatusCode.NotFound);

        var leave = await Command.RunAsync(daemon, "cluster", "leave", "n2");
        var join = await Command.RunAsync(daemon, "cluster", "join");
        var down = await Command.RunAsync(daemon, "cluster", "down", "n9");

        Assert.Equal(["node n2 leaves"], leave.Lines);
        Assert.Equal(["node n1 joins"], join.Lines);
        Assert.Equal((1, "dmm: there is no node n9 in the cluster\n"), (down.ExitCode, down.Error));
        Assert.Contains("POST /api/v1/cluster/leave {\"node\":\"n2\"}", daemon.Requests);
    }
}
