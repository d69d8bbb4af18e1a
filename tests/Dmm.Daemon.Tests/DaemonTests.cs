using System.Net;
using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Daemon.Tests;

public sealed class DaemonTests : IAsyncLifetime
{
    private readonly DaemonFixture _daemon = new();

    public Task InitializeAsync() => _daemon.StartReadyAsync();

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    [Fact]
    public async Task A_vm_is_created_resized_and_stopped()
    {
        Assert.Equal(202, (await _daemon.PostAsync("vms", DaemonFixture.Vm("a"))).Status);
        var vm = await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal(256L << 20, vm.ActualBytes);

        Assert.Equal(200, (await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20))).Status);
        vm = await _daemon.UntilAsync("a", v => v.ActualBytes == 512L << 20 && v.State == "settled");
        Assert.Equal(vm.BaseBytes + vm.PluggedBytes - vm.BalloonedBytes, vm.ActualBytes);

        var host = await _daemon.GetAsync<HostView>("host");
        Assert.Equal(host.MemoryBytes, host.ReserveBytes + host.ClaimsBytes + host.ReservationsBytes + host.FreeBytes);
        Assert.Equal(0.533, host.OvercommitRatio);

        Assert.Equal(200, (await _daemon.PostAsync("vms/a/stop", new StopVmRequest(0) { Kill = true })).Status);
        await DaemonFixture.UntilAsync(async c => (await _daemon.Client.GetAsync("vms/a", c)).StatusCode == HttpStatusCode.NotFound);
        Assert.Equal(0, (await _daemon.GetAsync<HostView>("host")).ClaimsBytes);
    }

    [Fact]
    public async Task A_daemon_that_is_started_again_knows_its_vms_and_its_history()
    {
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
        await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(384L << 20));
        await _daemon.UntilAsync("a", v => v.ActualBytes == 384L << 20);
        await _daemon.StopAsync();

        await _daemon.StartAsync();
        var vm = await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal(384L << 20, vm.ActualBytes);
        Assert.Equal(384L << 20, vm.OperatorTargetBytes);
        var kinds = (await _daemon.GetAsync<EventView[]>("events")).Select(e => e.Kind).ToArray();
        Assert.Contains("vmLaunched", kinds);
        Assert.Contains("recovered", kinds);
    }

    [Fact]
    public async Task Sizes_that_are_no_block_multiples_are_rounded_and_that_is_said()
    {
        var (_, answer) = await _daemon.PostAsync("vms", DaemonFixture.Vm("a") with { BootBytes = (256L << 20) + 1 });
        Assert.Equal("boot 256 MiB was rounded to 258 MiB, a multiple of the block of 2 MiB", answer.GetProperty("notes")[0].GetString());
    }

    [Fact]
    public async Task A_name_in_use_and_a_name_that_is_not_there_are_told_apart()
    {
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal(
            (409, "there is a VM a on this host already; use another name"), Said(await _daemon.PostAsync("vms", DaemonFixture.Vm("a"))));
        Assert.Equal(
            (404, "there is no VM b on this host; 'dmm vm list' shows all VMs"),
            Said(await _daemon.PostAsync("vms/b/resize", new ResizeVmRequest(1))));
        Assert.Equal(422, (await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(1))).Status);
        Assert.Equal(422, (await _daemon.PostAsync("vms/c/adopt", new AdoptVmRequest("/nowhere.sock", 1 << 20, 1 << 30, null))).Status);
    }

    [Fact]
    public async Task The_name_of_a_vm_that_was_let_go_of_is_in_use_for_as_long_as_it_runs()
    {
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal(200, (await _daemon.PostAsync("vms/a/forget", new { })).Status);
        Assert.Equal(
            (409, "a VM a that DMM was told to forget still runs; adopt it, end it, or use another name"),
            Said(await _daemon.PostAsync("vms", DaemonFixture.Vm("a"))));
    }

    [Fact]
    public async Task A_policy_is_changed_and_a_max_beyond_the_devices_refused()
    {
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal(200, (await _daemon.PostAsync("vms/a", new SetVmRequest(null, 2L << 30, 500), HttpMethod.Patch)).Status);
        var vm = await _daemon.UntilAsync("a", v => v.Shares == 500);
        Assert.Equal(2L << 30, vm.MaxBytes);
        var (status, error) = Said(await _daemon.PostAsync("vms/a", new SetVmRequest(null, 1L << 40, null), HttpMethod.Patch));
        Assert.Equal(
            (422, "a: max 1 TiB is more than the 256.25 GiB that its devices, and those that can be added while it runs, allow"),
            (status, error));
        Assert.Equal(422, (await _daemon.PostAsync("vms/a", new SetVmRequest(3L << 30, 4L << 30, null), HttpMethod.Patch)).Status);
    }

    [Fact]
    public async Task Metrics_tell_the_ledger_and_each_vm()
    {
        // A VM that can't be plugged saves up no spark: once settled it stays so.
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a", max: 256));
        await _daemon.UntilAsync("a", v => v.State == "settled");
        var text = await _daemon.Client.GetStringAsync("/metrics");
        Assert.Contains($"\ndmm_host_memory_bytes {2L << 30}\n", text, StringComparison.Ordinal);
        Assert.Contains("\ndmm_host_deficit_bytes 0\n", text, StringComparison.Ordinal);
        Assert.Contains($"\ndmm_vm_claim_bytes{{vm=\"a\"}} {(256L + 32) << 20}\n", text, StringComparison.Ordinal);
        Assert.Contains("\ndmm_vm_phase{vm=\"a\",phase=\"settled\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("\ndmm_host_memory_stall_ratio{kind=\"some\"} 0\n", text, StringComparison.Ordinal);

        await _daemon.PostAsync("vms/a/stop", new StopVmRequest(0) { Kill = true });
        await DaemonFixture.UntilAsync(async c => !(await _daemon.Client.GetStringAsync("/metrics", c))
            .Contains("vm=\"a\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Events_are_streamed_as_they_happen()
    {
        using var deadline = new CancellationTokenSource(DaemonFixture.Deadline);
        using var response = await _daemon.Client.GetAsync("events/stream", HttpCompletionOption.ResponseHeadersRead, deadline.Token);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(deadline.Token));
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        List<string> kinds = [];
        while (!kinds.Contains("vmLaunched"))
        {
            var line = await reader.ReadLineAsync(deadline.Token) ?? throw new InvalidOperationException("the stream has ended");
            if (line.StartsWith("event: ", StringComparison.Ordinal))
                kinds.Add(line["event: ".Length..]);
        }

        Assert.Equal(
            ["vmRequested", "launchBegun", "vmLaunched"],
            kinds.Where(k => k.StartsWith("vm", StringComparison.Ordinal) || k == "launchBegun"));
    }

    private static (int Status, string? Error) Said((int Status, JsonElement Body) answer) =>
        (answer.Status, answer.Body.GetProperty("error").GetString());
}
