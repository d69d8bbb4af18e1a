using System.Net;
using Dmm.Contracts;

namespace Dmm.Cli.Tests.Verbs;

public sealed class CreateWaitTests : IAsyncLifetime
{
    private static readonly string[] Create = ["vm", "create", "web-1", "--min", "128M", "--boot", "256M", "--max", "2G", "--wait"];

    private FakeDaemon _daemon = null!;

    public async Task InitializeAsync() =>
        _daemon = (await FakeDaemon.StartAsync())
            .On("POST /api/v1/vms", new DoneView("web-1", "admitted", ["boot rounded to 256 MiB"]), HttpStatusCode.Accepted)
            .Events([]);

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    [Fact]
    public async Task It_follows_the_VM_until_it_runs()
    {
        Answer(
            Samples.Vm with { State = "waiting", Why = "db gives 200 MiB" },
            Samples.Vm with { State = "waiting", Why = "db gives 200 MiB" },
            Samples.Vm with { State = "launching" },
            Samples.Vm with { State = "booting" },
            Samples.Vm with { State = "growing" });

        var result = await Command.RunAsync(_daemon, Create);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("web-1: waiting: db gives 200 MiB\nweb-1: launching\nweb-1: booting\n", result.Error);
        Assert.Equal(["web-1: admitted", "note: boot rounded to 256 MiB"], result.Lines[..2]);
        Assert.Matches(@"^web-1 runs with 1\.23 GiB after \d+\.\d s$", result.Lines[2]);
    }

    [Fact]
    public async Task For_programs_it_ends_with_the_VM_alone()
    {
        Answer(Samples.Vm with { State = "booting" }, Samples.Vm);

        var result = await Command.RunAsync(_daemon, [.. Create, "--json"]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal("settled", (string)result.Json["state"]!);
    }

    [Theory]
    [InlineData("admissionExpired", "its peers did not make room", "web-1: its peers did not make room", "timeout")]
    [InlineData("admissionRefused", "web-1 lacks 200 MiB", "web-1 lacks 200 MiB", "refused")]
    [InlineData("admissionFailed", "QEMU: no such machine", "web-1: QEMU: no such machine", "failed")]
    [InlineData("admissionCancelled", "cancelled by its operator", "web-1: cancelled by its operator", "failed")]
    public async Task A_VM_that_does_not_come_says_why(string kind, string why, string line, string told)
    {
        Answer(Samples.Vm with { State = "waiting" }, null);
        // The event's number tells what is new: the host's clock may have been set back, or forward, meanwhile.
        _daemon.Events(
            [Samples.Event(1, kind, "an older try", DateTimeOffset.UtcNow.AddHours(1))],
            Samples.Event(2, kind, why, DateTimeOffset.UtcNow.AddHours(-2)),
            Samples.Event(3, kind, "another's", DateTimeOffset.UtcNow.AddHours(-2), vm: "db"));

        var result = await Command.RunAsync(_daemon, [.. Create, "--json"]);

        Assert.Equal((1, $"dmm: {line}\n"), (result.ExitCode, result.Error));
        Assert.Equal(told, (string)result.Json["kind"]!);
    }

    [Fact]
    public async Task A_daemon_that_has_started_anew_counts_its_events_anew_and_still_says_why()
    {
        Answer(Samples.Vm with { State = "waiting" }, null);
        var asked = 0;
        _daemon.On("GET /api/v1/events", context => Microsoft.AspNetCore.Http.HttpResponseJsonExtensions.WriteAsJsonAsync(
            context.Response,
            Interlocked.Increment(ref asked) == 1 ? [Samples.Event(500, "settled", "of the daemon before")]
                : context.Request.Query["after"] == "0" ? new[] { Samples.Event(1, "admissionExpired", "too late") }
                : [],
            FakeDaemon.Json));

        var result = await Command.RunAsync(_daemon, Create);

        Assert.Equal((1, "web-1: waiting\ndmm: web-1: too late\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_VM_that_is_gone_without_a_reason_is_told_by_its_last_event()
    {
        Answer(Samples.Vm with { State = "booting" }, null);
        _daemon.Events([], Samples.Event(1, "vmEnded", "QEMU ended with status 1", DateTimeOffset.UtcNow.AddHours(-2)));

        var result = await Command.RunHastilyAsync(_daemon, Create);

        Assert.Equal((1, "web-1: booting\ndmm: web-1: QEMU ended with status 1\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_VM_that_stops_at_once_has_failed()
    {
        Answer(Samples.Vm with { State = "stopped", Why = "QEMU ended: no such machine" });

        var result = await Command.RunAsync(_daemon, Create);

        Assert.Equal((1, "dmm: web-1 is stopped: QEMU ended: no such machine\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_daemon_that_restarts_meanwhile_is_waited_for()
    {
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _daemon.On("GET /api/v1/vms/web-1", context =>
        {
            waiting.TrySetResult();
            context.Abort();
            return Task.CompletedTask;
        });
        var command = Command.RunAsync(_daemon, "is away", out var away, Create);
        await waiting.Task;
        await _daemon.KillAsync();
        // A request that was cut off is sent again by itself, and might reach the new daemon already.
        await Task.WhenAny(away, command);
        _daemon.On("GET /api/v1/vms/web-1", Samples.Vm);
        await _daemon.ListenAsync();

        var result = await command;

        Assert.Equal((0, "web-1: the daemon is away; waiting for it\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task Without_wait_it_returns_when_accepted()
    {
        var result = await Command.RunAsync(_daemon, Create[..^1]);

        Assert.Equal((0, "web-1: admitted\nnote: boot rounded to 256 MiB\n"), (result.ExitCode, result.Out));
        Assert.Single(_daemon.Requests);
    }

    /// <summary>Sets the answers, one after the other, the last one from then on; null: there is no such VM.</summary>
    private void Answer(params VmView?[] states)
    {
        var next = 0;
        _daemon.On("GET /api/v1/vms/web-1", async context =>
        {
            var state = states[Math.Min(Interlocked.Increment(ref next), states.Length) - 1];
            context.Response.StatusCode = state is null ? 404 : 200;
            object answer = state is null ? new ErrorView("there is no VM web-1", "notFound") : state;
            await Microsoft.AspNetCore.Http.HttpResponseJsonExtensions.WriteAsJsonAsync(
                context.Response, answer, answer.GetType(), FakeDaemon.Json);
        });
    }
}
