using System.Net;
using Dmm.Contracts;

namespace Dmm.Cli.Tests.Verbs;

/// <summary>The report of <c>dmm vm stop --wait</c> on guests that power down and on those that do not.</summary>
public sealed class StopWaitTests : IAsyncLifetime
{
    private FakeDaemon _daemon = null!;

    public async Task InitializeAsync() => _daemon = (await FakeDaemon.StartAsync())
        .On("POST /api/v1/vms/web-1/stop", new DoneView("web-1", "its guest is asked to power down", []))
        .Events([]);

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    [Fact]
    public async Task It_returns_when_the_VM_is_gone()
    {
        _daemon.On("GET /api/v1/vms/web-1", new ErrorView("there is no VM web-1", "notFound"), HttpStatusCode.NotFound);

        var result = await Command.RunAsync(_daemon, "vm", "stop", "web-1", "--wait");

        Assert.Equal(
            (0, "web-1: its guest is asked to power down\nweb-1: is gone, and its memory is back\n"), (result.ExitCode, result.Out));
    }

    [Fact]
    public async Task A_VM_that_is_remembered_is_gone_as_well()
    {
        _daemon.On("GET /api/v1/vms/web-1", Samples.Vm with { State = "stopped" });

        Assert.Equal(0, (await Command.RunAsync(_daemon, "vm", "stop", "web-1", "--wait")).ExitCode);
    }

    [Fact]
    public async Task A_guest_that_does_not_power_down_runs_on_and_that_is_a_failure()
    {
        const string Why = "its guest did not power down within 3 s and it runs on: 'dmm vm stop web-1 --kill' ends its process";
        _daemon.On("GET /api/v1/vms/web-1", Samples.Vm with { State = "settled" });
        _daemon.Events(
            [Samples.Event(6, "stopGivenUp", "an older try", DateTimeOffset.UtcNow.AddHours(1))],
            Samples.Event(7, "stopGivenUp", Why, DateTimeOffset.UtcNow.AddHours(-2)));

        var result = await Command.RunAsync(_daemon, "vm", "stop", "web-1", "--grace", "3s", "--wait");

        Assert.Equal((1, $"dmm: web-1: {Why}\n"), (result.ExitCode, result.Error));
    }
}
