using System.Net;
using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Daemon.Tests.Api;

/// <summary>The drain of a host over the daemon's interface.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private readonly DaemonFixture _daemon = new();

    public Task InitializeAsync() => _daemon.StartReadyAsync();

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    [Fact]
    public async Task A_host_is_drained_shown_so_stays_so_in_the_next_daemon_and_comes_back()
    {
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Null((await _daemon.GetAsync<HostView>("host")).Drain);

        var (status, answer) = await _daemon.PostAsync("host/drain", new DrainHostRequest { Stay = true });
        Assert.Equal(200, status);
        var done = answer.Deserialize<HostDoneView>(ContractJson.Options)!;
        Assert.Contains("1 VM is asked to power down", done.Text, StringComparison.Ordinal);
        Assert.Equal(
            (1, 1, true, false, TimeSpan.FromMinutes(2)),
            (done.Drain!.Left, done.Drain.Awaited, done.Drain.Stay, done.Drain.Kill, done.Drain.Until - done.Drain.Ordered));
        Assert.Equal(("a", "stopping"), (done.Drain.Vms[0].Vm, done.Drain.Vms[0].State));

        await DaemonFixture.UntilAsync(async _ => (await _daemon.GetAsync<HostView>("host")).Drain is { Left: 0 });
        var drain = (await _daemon.GetAsync<HostView>("host")).Drain!;
        Assert.Equal((0, "ended"), (drain.Awaited, drain.Vms.Single().State));
        var vm = await _daemon.GetAsync<VmView>("vms/a");
        Assert.Equal("returning", vm.State);
        Assert.Contains("'dmm host undrain'", vm.Why, StringComparison.Ordinal);
        (status, answer) = await _daemon.PostAsync("vms", DaemonFixture.Vm("b"));
        Assert.Equal((409, "conflict"), (status, answer.GetProperty("kind").GetString()));
        Assert.Contains("'dmm host undrain'", answer.GetProperty("error").GetString(), StringComparison.Ordinal);

        await _daemon.StopAsync();
        await _daemon.StartReadyAsync();
        Assert.Equal(drain.Since, (await _daemon.GetAsync<HostView>("host")).Drain!.Since, TimeSpan.FromSeconds(1));
        var metrics = await _daemon.Client.GetStringAsync(new Uri("http://dmm/metrics"));
        Assert.Contains("dmm_host_drained 1", metrics, StringComparison.Ordinal);
        Assert.Contains("dmm_host_drain_left_vms 0", metrics, StringComparison.Ordinal);
        Assert.Contains($"dmm_host_drain_until_seconds {drain.Until.ToUnixTimeSeconds()}", metrics, StringComparison.Ordinal);

        (status, answer) = await _daemon.PostAsync("host/undrain", new { }, HttpMethod.Post);
        Assert.Equal((200, "the host is back in service; 1 VM returns"), (status, answer.GetProperty("text").GetString()));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("drain").ValueKind);
        await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Contains("dmm_host_drained 0", await _daemon.Client.GetStringAsync(new Uri("http://dmm/metrics")), StringComparison.Ordinal);
        var kinds = (await _daemon.GetAsync<EventView[]>("events")).Select(e => e.Kind).ToArray();
        Assert.All(["hostDrain", "hostUndrain"], kind => Assert.Contains(kind, kinds));
        Assert.Equal(409, (await _daemon.PostAsync("host/undrain", new { })).Status);
    }

    [Theory]
    [InlineData("""{"deadlineSeconds":0}""", "gives no guest time to power down")]
    [InlineData("""{"deadlineSeconds":-1,"kill":true}""", "it must be from 0 to an hour")]
    [InlineData("""{"deadlineSeconds":3601}""", "it must be from 0 to an hour")]
    [InlineData("""{"deadline":5}""", "unknown member 'deadline'")]
    public async Task A_drain_that_can_not_be_is_refused_and_the_host_stays_in_service(string body, string error)
    {
        var (status, answer) = await _daemon.PostAsync("host/drain", JsonDocument.Parse(body).RootElement);
        Assert.Equal((HttpStatusCode.BadRequest, "invalid"), ((HttpStatusCode)status, answer.GetProperty("kind").GetString()));
        Assert.Contains(error, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Null((await _daemon.GetAsync<HostView>("host")).Drain);
    }

    [Fact]
    public async Task With_kill_and_no_time_every_process_is_ended_at_once()
    {
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a") with { Restart = "always" });
        await _daemon.UntilAsync("a", v => v.State == "settled");
        await _daemon.PostAsync("host/drain", new DrainHostRequest(0) { Kill = true });
        await DaemonFixture.UntilAsync(async _ => (await _daemon.GetAsync<HostView>("host")).Drain is { Left: 0 });
        Assert.Equal("returning", (await _daemon.GetAsync<VmView>("vms/a")).State);
    }
}
