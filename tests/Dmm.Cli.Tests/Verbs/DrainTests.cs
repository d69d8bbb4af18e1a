using System.Net;
using Dmm.Contracts;
using Microsoft.AspNetCore.Http;

namespace Dmm.Cli.Tests.Verbs;

/// <summary><c>dmm host drain</c> and <c>undrain</c>: what is asked of the daemon, what is told of each VM, and the exit codes.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private FakeDaemon _daemon = null!;

    public async Task InitializeAsync() => _daemon = (await FakeDaemon.StartAsync())
        .On("POST /api/v1/host/drain", new HostDoneView(
            "the host takes no VM; 2 VMs are asked to power down", Stands(("a", "stopping"), ("b", "stopping"))));

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    [Fact]
    public async Task What_is_ordered_is_asked_of_the_daemon_and_its_answer_is_printed()
    {
        var result = await Command.RunAsync(_daemon, "host", "drain", "--deadline", "90s", "--kill", "--stay", "--adopted");

        Assert.Equal((0, "the host takes no VM; 2 VMs are asked to power down\n"), (result.ExitCode, result.Out));
        Assert.Equal(
            """POST /api/v1/host/drain {"deadlineSeconds":90,"kill":true,"stay":true,"adopted":true}""", Assert.Single(_daemon.Requests));
    }

    [Fact]
    public async Task It_waits_until_no_vm_runs_and_tells_what_has_become_of_each()
    {
        Host(
            Stands(("a", "stopping"), ("b", "stopping")), Stands(("a", "ended"), ("b", "stopping")), null,
            Stands(("a", "ended")));

        var result = await Command.RunHastilyAsync(_daemon, "host", "drain", "--wait");

        Assert.Equal(
            (0, "the host takes no VM; 2 VMs are asked to power down\na: why ended\nb: is gone\nthe host is drained: no VM runs\n"),
            (result.ExitCode, result.Out));
    }

    [Fact]
    public async Task What_runs_on_is_named_and_that_is_a_failure()
    {
        Host(Stands(("a", "ended"), ("b", "runsOn"), ("c", "notAsked")));

        var result = await Command.RunHastilyAsync(_daemon, "host", "drain", "--wait");

        Assert.Equal((1, "dmm: the host takes no VM, but 2 VMs run: b, c\n"), (result.ExitCode, result.Error));
        Assert.EndsWith("\nb: why runsOn\nc: why notAsked\n", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_that_takes_longer_than_the_deadline_and_a_minute_ends()
    {
        Host(Stands(("a", "stopping")));

        var result = await Command.RunHastilyAsync(_daemon, "host", "drain", "--wait", "--json");

        Assert.Equal((1, "timeout"), (result.ExitCode, (string?)result.Json["kind"]));
    }

    [Fact]
    public async Task A_drain_that_another_operator_ends_meanwhile_is_told_so()
    {
        Host(Stands(("a", "stopping")));
        _daemon.On("GET /api/v1/host", Samples.Host);

        var result = await Command.RunAsync(_daemon, "host", "drain", "--wait");

        Assert.Equal((1, "dmm: the host is back in service: the drain was ended meanwhile\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task An_interrupt_leaves_the_drain_in_force_and_says_so()
    {
        using var interrupt = new CancellationTokenSource();
        _daemon.On("GET /api/v1/host", context =>
        {
            interrupt.Cancel();
            return context.Response.WriteAsJsonAsync(Samples.Host with { Drain = Stands(("a", "stopping")) }, FakeDaemon.Json);
        });

        var result = await Command.RunUntilAsync(_daemon, interrupt.Token, "host", "drain", "--wait");

        Assert.Equal(
            (130, "dmm: the drain goes on without this command; 'dmm host undrain' ends it\n"), (result.ExitCode, result.Error));
        Assert.DoesNotContain(_daemon.Requests, r => r.Contains("undrain", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_time_to_power_down_needs_kill()
    {
        var result = await Command.RunAsync(_daemon, "host", "drain", "--deadline", "0s");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("add --kill", result.Error, StringComparison.Ordinal);
        Assert.Empty(_daemon.Requests);
    }

    [Fact]
    public async Task An_undrain_prints_what_returns_and_a_refusal_fails()
    {
        _daemon.On("POST /api/v1/host/undrain", new HostDoneView("the host is back in service; 2 VMs return", null));
        var result = await Command.RunAsync(_daemon, "host", "undrain");
        Assert.Equal((0, "the host is back in service; 2 VMs return\n"), (result.ExitCode, result.Out));

        _daemon.On("POST /api/v1/host/undrain", new ErrorView("this host is in service", "conflict"), HttpStatusCode.Conflict);
        result = await Command.RunAsync(_daemon, "host", "undrain");
        Assert.Equal((1, "dmm: this host is in service\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task The_host_is_shown_with_its_drain()
    {
        var drain = Stands(("a", "stopping"), ("b", "ended")) with { Kill = true, Stay = true };
        _daemon.On("GET /api/v1/host", Samples.Host with { Drain = drain });

        var result = await Command.RunAsync(_daemon, "host", "show");

        var line = Assert.Single(result.Lines, l => l.StartsWith("drain", StringComparison.Ordinal));

        Assert.Contains("then VMs are ended; 1 VM is left; stays over restarts of the host", line, StringComparison.Ordinal);
        Assert.Contains("'dmm host undrain'", line, StringComparison.Ordinal);
    }

    /// <summary>Answers with one after the other, and with the last for ever; null: the daemon is away for one answer.</summary>
    private void Host(params DrainView?[] drains)
    {
        var asked = -1;
        _daemon.On("GET /api/v1/host", context =>
        {
            var now = drains[Math.Min(Interlocked.Increment(ref asked), drains.Length - 1)];
            if (now is not null)
                return context.Response.WriteAsJsonAsync(Samples.Host with { Drain = now }, FakeDaemon.Json);
            context.Abort();
            return Task.CompletedTask;
        });
    }

    private static DrainView Stands(params (string Vm, string State)[] vms) => new(
        At, At, At.AddSeconds(120), false, false, vms.Count(vm => vm.State != "ended"), vms.Count(vm => vm.State == "stopping"),
        [.. vms.Select(vm => new DrainedVmView(vm.Vm, vm.State, $"why {vm.State}"))]);
}
