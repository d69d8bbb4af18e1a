using System.Net;
using System.Text.Json.Nodes;
using Dmm.Contracts;

namespace Dmm.Cli.Tests;

/// <summary>The output that programs read.</summary>
public sealed class JsonTests
{
    [Fact]
    public async Task Objects_are_indented_with_sizes_in_bytes_and_times_in_UTC()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/host", Samples.Host)
            .On("GET /api/v1/vms/web-1", Samples.Vm);

        var host = await Command.RunAsync(daemon, "host", "show", "--json");
        var vm = await Command.RunAsync(daemon, "--json", "vm", "show", "web-1");

        Assert.StartsWith("{\n  \"node\": \"dmm@127.0.0.1:4711\",", host.Out, StringComparison.Ordinal);
        Assert.Equal(68719476736, (long)host.Json["memoryBytes"]!);
        Assert.Equal("waiting", (string)host.Json["admissions"]![0]!["state"]!);
        Assert.Equal("2026-01-31T12:01:00+00:00", (string)host.Json["admissions"]![0]!["deadline"]!);
        Assert.Equal(1317011456, (long)vm.Json["actualBytes"]!);
        Assert.Equal("/var/lib/dmm/vms/web-1/operator.sock", (string)vm.Json["operatorQmp"]!);
        Assert.Null(vm.Json["why"]);
        Assert.True(vm.Json.AsObject().ContainsKey("why"));
    }

    [Fact]
    public async Task A_list_is_an_array()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms", new[] { Samples.Vm })
            .On("GET /api/v1/events", new[] { Samples.Event(7, "granted", "more") });

        Assert.Equal("web-1", (string)Assert.Single((await Command.RunAsync(daemon, "vm", "list", "--json")).Json.AsArray())!["id"]!);
        Assert.Equal(7, (long)Assert.Single((await Command.RunAsync(daemon, "events", "--json")).Json.AsArray())!["sequence"]!);
    }

    [Fact]
    public async Task A_change_says_what_was_done()
    {
        await using var daemon = (await FakeDaemon.StartAsync())
            .On("PATCH /api/v1/vms/web-1", new DoneView("web-1", "max is 4 GiB", ["rounded up to 4 GiB"]));

        var json = await Command.RunAsync(daemon, "vm", "set", "web-1", "--max", "4000M", "--json");
        var text = await Command.RunAsync(daemon, "vm", "set", "web-1", "--max", "4000M");

        Assert.Equal("""{"vm":"web-1","text":"max is 4 GiB","notes":["rounded up to 4 GiB"]}""", json.Json.ToJsonString());
        Assert.Equal(["web-1: max is 4 GiB", "note: rounded up to 4 GiB"], text.Lines);
    }

    [Fact]
    public async Task A_refusal_is_a_line_for_people_and_an_object_for_programs()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On(
            "POST /api/v1/vms/web-1/resize", new ErrorView("web-1: 64 GiB is above max 2 GiB", "refused"), HttpStatusCode.Conflict);

        var result = await Command.RunAsync(daemon, "vm", "resize", "web-1", "64G", "--json");

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("dmm: web-1: 64 GiB is above max 2 GiB\n", result.Error);
        Assert.Equal("""{"error":"web-1: 64 GiB is above max 2 GiB","kind":"refused"}""", result.Json.ToJsonString());
    }

    [Fact]
    public async Task Used_wrongly_is_an_object_as_well()
    {
        var result = await Command.RunAloneAsync("vm", "resize", "web-1", "much", "--json");

        Assert.Equal(2, result.ExitCode);
        Assert.Equal("invalid", (string)result.Json["kind"]!);
    }

    [Fact]
    public async Task The_daemon_s_answer_may_have_members_that_this_command_does_not_know()
    {
        var newer = JsonNode.Parse("""{"vm": "web-1", "text": "stopped", "notes": [], "mood": "fine"}""")!;
        await using var daemon = (await FakeDaemon.StartAsync()).On("POST /api/v1/vms/web-1/stop", newer);

        Assert.Equal("web-1: stopped\n", (await Command.RunAsync(daemon, "vm", "stop", "web-1")).Out);
    }
}
