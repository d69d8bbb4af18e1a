using Dmm.Contracts;

namespace Dmm.Cli.Tests.Verbs;

public sealed class DryRunTests
{
    private const long Mi = 1 << 20;

    private static readonly string[] Create = [
        "vm",
        "create",
        "a",
        "--min",
        "128M",
        "--boot",
        "1G",
        "--max",
        "2G",
        "--deadline",
        "2030-01-01T00:00:00Z",
        "--dry-run",
    ];

    private static readonly DryRunView Gathers = new()
    {
        Vm = "a",
        Prospect = "gathers",
        Text = "db gives 512 MiB of slack",
        Fits = true,
        From = [new("db", 512 * Mi, 512 * Mi, "slack"), new("web", 64 * Mi, 64 * Mi, "inUse")],
        ExpectedSeconds = 2.5,
        Notes = ["boot was rounded"],
    };

    [Fact]
    public async Task It_says_who_would_give_how_much_and_how_long_that_takes()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("POST /api/v1/vms", Gathers);

        var result = await Command.RunAsync(daemon, Create);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal("a: its peers would make room in about 2.5 s", result.Lines[0]);
        Assert.Equal("note: boot was rounded", result.Lines[1]);
        Assert.Matches("^db +512 MiB +slack: no harm is expected$", result.Lines[3]);
        Assert.Matches("^web +64 MiB +in use: harm is expected$", result.Lines[4]);
        var request = Assert.Single(daemon.Requests);
        Assert.StartsWith("POST /api/v1/vms?dryRun=true ", request);
        Assert.Contains("\"deadline\":\"2030-01-01T00:00:00", request);
    }

    [Fact]
    public async Task For_programs_it_is_the_whole_answer()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("POST /api/v1/vms", Gathers);

        var result = await Command.RunAsync(daemon, [.. Create, "--json"]);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("gathers", (string)result.Json["prospect"]!);
        Assert.Equal("inUse", (string)result.Json["from"]![1]!["kind"]!);
    }

    [Fact]
    public async Task What_would_be_refused_ends_as_the_refusal_would()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On(
            "POST /api/v1/vms",
            Gathers with { Prospect = "refused", Fits = false, From = [], Text = "a needs 1 GiB; a boot of at most 512 MiB would fit" });

        var result = await Command.RunAsync(daemon, [.. Create, "--json"]);

        Assert.Equal((1, "dmm: a needs 1 GiB; a boot of at most 512 MiB would fit\n"), (result.ExitCode, result.Error));
        Assert.Equal("refused", (string)result.Json["kind"]!);
    }
}
