using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Dmm.Contracts;
using Dmm.Daemon.Hosting;

namespace Dmm.Daemon.Tests;

public sealed class DaemonTests : IAsyncLifetime
{
    private readonly DaemonFixture _daemon = new();

    public Task InitializeAsync() => _daemon.StartAsync();

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

        Assert.Equal(200, (await _daemon.PostAsync("vms/a/stop", new StopVmRequest(0))).Status);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await _daemon.Client.GetAsync("vms/a", deadline.Token)).StatusCode != HttpStatusCode.NotFound)
            deadline.Token.ThrowIfCancellationRequested();
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
        Assert.Equal((409, "there is a VM a on this host already; use another name"), Said(await _daemon.PostAsync("vms", DaemonFixture.Vm("a"))));
        Assert.Equal((404, "there is no VM b on this host; 'dmm vm list' shows those that there are"), Said(await _daemon.PostAsync("vms/b/resize", new ResizeVmRequest(1))));
        Assert.Equal(422, (await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(1))).Status);
        Assert.Equal(422, (await _daemon.PostAsync("vms/c/adopt", new AdoptVmRequest("/nowhere.sock", 1 << 20, 1 << 30, null))).Status);
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
        Assert.Equal((422, "a: max 1 TiB is more than the 64.25 GiB that its devices allow without a restart"), (status, error));
        Assert.Equal(422, (await _daemon.PostAsync("vms/a", new SetVmRequest(3L << 30, 4L << 30, null), HttpMethod.Patch)).Status);
    }

    [Fact]
    public async Task Events_are_streamed_as_they_happen()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
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

        Assert.Equal(["vmRequested", "launchBegun", "vmLaunched"], kinds.Where(k => k.StartsWith("vm", StringComparison.Ordinal) || k == "launchBegun"));
    }

    [Fact]
    public void A_second_daemon_on_the_same_state_folder_is_told_so()
    {
        var fault = Assert.Throws<StartException>(() => StateDirectory.Hold(_daemon.Settings.StateDir));
        Assert.StartsWith($"a dmmd runs on {_daemon.Settings.StateDir} already", fault.Message);
    }

    [Fact]
    public void A_socket_on_which_a_daemon_answers_is_left_alone()
    {
        var fault = Assert.Throws<StartException>(() => ControlSocket.Clear(_daemon.Settings.Socket.Path));
        Assert.Contains("is in use", fault.Message);
        Assert.True(File.Exists(_daemon.Settings.Socket.Path));
    }

    [Fact]
    public void The_socket_can_be_written_by_its_owner_and_group_alone() =>
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite,
            File.GetUnixFileMode(_daemon.Settings.Socket.Path));

    private static (int Status, string? Error) Said((int Status, JsonElement Body) answer) => (answer.Status, answer.Body.GetProperty("error").GetString());
}

public sealed class TcpTests
{
    [Fact]
    public async Task Over_tcp_the_daemon_can_be_read_and_not_changed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        await using var daemon = new DaemonFixture($"\ndmm.http.port = {port}");
        await daemon.StartAsync();
        using var client = new HttpClient { BaseAddress = new($"http://127.0.0.1:{port}/api/v1/") };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("host")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.PostAsync("vms/a/forget", null)).StatusCode);
    }

    [Fact]
    public void A_journal_that_is_no_database_stops_the_daemon_with_its_name()
    {
        var folder = Directory.CreateTempSubdirectory("dmmd-").FullName;
        var path = Path.Combine(folder, "journal.db");
        File.WriteAllText(path, new string('x', 5000));
        var fault = Assert.Throws<StartException>(() => Journal.Prepare(path));
        Assert.StartsWith($"the journal {path} can't be opened: ", fault.Message);
        Directory.Delete(folder, recursive: true);
    }
}
