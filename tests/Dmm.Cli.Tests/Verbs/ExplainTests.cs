using Dmm.Contracts;

namespace Dmm.Cli.Tests.Verbs;

/// <summary>Tests of dmm vm explain: its request and its output.</summary>
public sealed class ExplainTests
{
    private const long Mi = 1L << 20;

    private static ExplanationView Explanation { get; } = new()
    {
        Vm = "web-1",
        At = Samples.Noon,
        DecidedAt = Samples.Noon.AddSeconds(-3),
        Source = "memory",
        Text =
        [
            new("memory", "512 MiB, as promised; settled"),
            new("rule", "fair share: there is not enough for all"),
            new("held back", "100 MiB comes from db (60 MiB), nobody yet (40 MiB)"),
            new("held back", "the part above its max 2 GiB: 'dmm vm set NAME --max' raises it"),
            new("problem", "stuck: no movement for 5 s"),
        ],
        GrantedBytes = 512 * Mi,
        TargetBytes = 512 * Mi,
        Ruling = "fairShare",
        Urgent = false,
        HeldBack = [new("peers", "100 MiB comes from db (60 MiB), nobody yet (40 MiB)", 100 * Mi, [new("db", 60 * Mi)], null)],
        Got = new(300 * Mi, Samples.Noon.AddSeconds(-5), 600, [new("db", 200 * Mi), new(null, 100 * Mi)]),
        Changes = [new(Samples.Noon.AddSeconds(-5), 512 * Mi, 512 * Mi, "demand", true, [new("db", 200 * Mi)], [])],
    };

    [Fact]
    public async Task An_explanation_is_a_few_lines_and_a_topic_stands_once()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1/explain", Explanation);

        var result = await Command.RunAsync(daemon, "vm", "explain", "web-1");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            [
                "web-1      now",
                "memory     512 MiB, as promised; settled",
                "rule       fair share: there is not enough for all",
                "held back  100 MiB comes from db (60 MiB), nobody yet (40 MiB)",
                "           the part above its max 2 GiB: 'dmm vm set NAME --max' raises it",
                "problem    stuck: no movement for 5 s",
            ],
            result.Lines);
        Assert.Equal("GET /api/v1/vms/web-1/explain", Assert.Single(daemon.Requests));
    }

    [Fact]
    public async Task The_past_is_asked_for_by_time_and_says_when_it_was_decided()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1/explain", Explanation);

        var result = await Command.RunAsync(daemon, "vm", "explain", "web-1", "--at", "2026-01-31T12:00:00Z");

        Assert.Equal(
            $"GET /api/v1/vms/web-1/explain?at={Uri.EscapeDataString("2026-01-31T12:00:00.0000000Z")}", Assert.Single(daemon.Requests));
        Assert.Matches(@"^web-1      at 2026-01-31 \S+  as decided at 2026-01-31 \S+$", result.Lines[0]);
    }

    [Fact]
    public async Task The_past_may_be_some_time_ago()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1/explain", Explanation);

        await Command.RunAsync(daemon, "vm", "explain", "web-1", "--at", "10m");

        var asked = DateTimeOffset.Parse(Uri.UnescapeDataString(Assert.Single(daemon.Requests).Split('=')[1]));
        Assert.InRange(DateTimeOffset.UtcNow - asked, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(11));
    }

    [Fact]
    public async Task Programs_get_all_of_it()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1/explain", Explanation);

        var json = (await Command.RunAsync(daemon, "vm", "explain", "web-1", "--json")).Json;

        Assert.Equal("fairShare", (string)json["ruling"]!);
        Assert.Equal(60 * Mi, (long)json["heldBack"]![0]!["from"]![0]!["bytes"]!);
        Assert.Null(json["got"]!["peers"]![1]!["vm"]);
        Assert.Equal("memory", (string)json["text"]![0]!["topic"]!);
    }

    [Fact]
    public async Task A_time_that_is_none_is_a_misuse()
    {
        await using var daemon = await FakeDaemon.StartAsync();

        var result = await Command.RunAsync(daemon, "vm", "explain", "web-1", "--at", "noonish");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--at is 'noonish'; it must be a time such as", result.Error, StringComparison.Ordinal);
        Assert.Empty(daemon.Requests);
    }

    [Fact]
    public async Task Eighty_columns_are_enough()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1/explain", Explanation);

        var result = await Command.RunAsync(daemon, width: 80, colours: false, "vm", "explain", "web-1");

        Assert.All(result.Lines, l => Assert.True(l.Length <= 80, $"{l.Length}: {l}"));
    }
}
