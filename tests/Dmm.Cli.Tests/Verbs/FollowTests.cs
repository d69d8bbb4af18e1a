using System.Net;
using System.Text.Json;
using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Microsoft.AspNetCore.Http;

namespace Dmm.Cli.Tests.Verbs;

public sealed class FollowTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Each_event_is_a_line_of_JSON_as_it_comes_and_a_restart_of_the_daemon_loses_and_doubles_none()
    {
        var connections = 0;
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/events/stream", async context =>
        {
            var first = Interlocked.Increment(ref connections) == 1;
            await SendAsync(context, Samples.Event(1, "granted", "one"), Samples.Event(2, "settled", "two"));
            if (!first)
            {
                // The host's clock was set back.
                await SendAsync(context, Samples.Event(3, "pressure", "three", Samples.Noon.AddHours(-2)));
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }).Events([Samples.Event(1, "granted", "one"), Samples.Event(2, "settled", "two")]);
        using var cancellation = new CancellationTokenSource(Deadline);
        using var output = new LineWriter(lines: 3, cancellation);
        using var error = new StringWriter();
        using var terminal = new Terminal(output, error, width: null, colours: false);

        var exitCode =
            await CommandLine.RunAsync(
                ["events", "--follow", "--since", "2026-01-31T12:00:00Z", "--json", "--socket", daemon.Socket], terminal, Tree.Of,
                cancellation.Token);

        Assert.Equal(ExitCode.Interrupted, exitCode);
        Assert.Equal(
            ["one", "two", "three"], output.Lines.Select(l => JsonSerializer.Deserialize<EventView>(l, ContractJson.Options)!.Text));
        Assert.All(output.Lines, l => Assert.StartsWith("{\"sequence\":", l, StringComparison.Ordinal));
        Assert.Equal("dmm: the daemon went away; waiting for it\n", error.ToString());
        Assert.Equal(
            [
                "GET /api/v1/events/stream?since=2026-01-31T12%3A00%3A00.0000000Z",
                "GET /api/v1/events?after=1",
                "GET /api/v1/events/stream?after=2",
            ], daemon.Requests);
    }

    [Fact]
    public async Task Another_daemon_tells_its_events_from_the_first()
    {
        var connections = 0;
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/events/stream", async context =>
        {
            if (Interlocked.Increment(ref connections) == 1)
            {
                await SendAsync(context, Samples.Event(7, "granted", "one"));
                return;
            }

            await SendAsync(
                context, Samples.Event(1, "recovered", "two", Samples.Noon.AddHours(-2)),
                Samples.Event(2, "settled", "three", Samples.Noon.AddHours(-2)));
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        }).Events([Samples.Event(1, "recovered", "two"), Samples.Event(2, "settled", "three")]);
        using var cancellation = new CancellationTokenSource(Deadline);
        using var output = new LineWriter(lines: 3, cancellation);
        using var terminal = new Terminal(output, TextWriter.Null, width: null, colours: false);

        await CommandLine.RunAsync(["events", "--follow", "--json", "--socket", daemon.Socket], terminal, Tree.Of, cancellation.Token);

        Assert.Equal(
            ["one", "two", "three"], output.Lines.Select(l => JsonSerializer.Deserialize<EventView>(l, ContractJson.Options)!.Text));
    }

    [Fact]
    public async Task A_daemon_that_was_never_there_is_not_waited_for()
    {
        var result = await Command.RunAloneAsync("events", "--follow", "--socket", "/nowhere/dmm.sock");

        Assert.Equal(3, result.ExitCode);
    }

    [Fact]
    public async Task A_refusal_to_stream_is_said()
    {
        await using var daemon = (await FakeDaemon.StartAsync())
            .On("GET /api/v1/events/stream", new ErrorView("too many followers", "refused"), HttpStatusCode.ServiceUnavailable);

        var result = await Command.RunAsync(daemon, "events", "-f");

        Assert.Equal((1, "dmm: too many followers\n"), (result.ExitCode, result.Error));
    }

    private static async Task SendAsync(HttpContext context, params EventView[] events)
    {
        if (!context.Response.HasStarted)
            context.Response.ContentType = "text/event-stream";
        foreach (var happened in events)
            await context.Response.WriteAsync(
                $"id: {happened.Sequence}\nevent: {happened.Kind}\ndata: {JsonSerializer.Serialize(happened, ContractJson.Options)}\n\n");
        await context.Response.Body.FlushAsync();
    }

    /// <summary>Interrupts the command, as a person would, after that many lines.</summary>
    private sealed class LineWriter(int lines, CancellationTokenSource interrupt) : StringWriter
    {
        public List<string> Lines { get; } = [];

        public override void WriteLine(string? value)
        {
            Lines.Add(value ?? "");
            if (Lines.Count == lines)
                interrupt.Cancel();
        }
    }
}
