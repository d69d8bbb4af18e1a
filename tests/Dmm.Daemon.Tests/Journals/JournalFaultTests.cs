using System.Net;
using System.Text.Json;
using Dmm.Contracts;
using Dmm.Daemon.Journals;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>
/// The journal fails while a daemon governs a VM: the VM keeps its memory, nothing new is promised, each request is answered at once with
/// the reason, and once the journal is repaired the daemon goes on by itself.
/// </summary>
public sealed class JournalFaultTests : IAsyncLifetime
{
    private readonly DaemonFixture _daemon = new("\ndmm.journal.busy-timeout = 1s");

    private string Journal => _daemon.Settings.Journal.Path;

    public async Task InitializeAsync()
    {
        await _daemon.StartReadyAsync();
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
    }

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    [Fact]
    public async Task While_another_process_holds_the_lock_nothing_is_promised_and_that_is_said()
    {
        using (var foreign = JournalFile.Open(Journal, TimeSpan.FromSeconds(10)))
        {
            using var transaction = foreign.BeginTransaction();
            JournalFile.Probe(foreign, DateTimeOffset.UnixEpoch);
            var first = _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20));
            var (status, why) = await UntilNotReadyAsync();
            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            Assert.Contains("nothing new is promised", why);
            Assert.Equal((503, "unavailable"), await KindAsync(first));
            await KeepsItsMemoryAsync();
            transaction.Rollback();
        }

        await GoesOnAsync();
    }

    [Fact]
    public async Task A_journal_that_is_deleted_under_the_daemon_is_written_anew_from_what_it_knows()
    {
        File.Delete(Journal);
        var host = await UntilHostAsync(h => File.Exists(Journal) && h.Problems.Count == 0);
        Assert.Equal(1, host.Vms);
        await GoesOnAsync();

        // The next daemon reads the journal that was written anew.
        await _daemon.StopAsync();
        await _daemon.StartAsync();
        var vm = await _daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal((512L << 20, 512L << 20, 128L << 20), (vm.ActualBytes, vm.GrantedBytes, vm.MinBytes));
        Assert.Contains("journalBegun", await KindsAsync());
    }

    [Fact]
    public async Task A_journal_that_is_exchanged_under_the_daemon_is_moved_aside()
    {
        var other = Path.Combine(_daemon.Folder, "other.db");
        await File.WriteAllTextAsync(other, "a backup that someone put here");
        File.Move(other, Journal, overwrite: true);
        await UntilHostAsync(h => h.Problems.Count == 0 && Directory.GetFiles(_daemon.Settings.StateDir, "journal.db.2*").Length > 0);
        await GoesOnAsync();
        var aside = Assert.Single(
            Directory.GetFiles(_daemon.Settings.StateDir, "journal.db.2*"), f => !f.EndsWith("-wal", StringComparison.Ordinal)
            && !f.EndsWith("-shm", StringComparison.Ordinal));
        Assert.Equal("a backup that someone put here", await File.ReadAllTextAsync(aside));
    }

    [Fact]
    public async Task A_write_ahead_log_that_is_deleted_alone_is_seen_too()
    {
        File.Delete(Journal + "-wal");
        await UntilAsync(async () => (await KindsAsync()).Contains("journalBegun"));
        await GoesOnAsync();
    }

    [TmpfsFact]
    public async Task On_a_full_disk_nothing_is_promised_until_there_is_room_again()
    {
        await using var daemon =
            new DaemonFixture(folder => $"\ndmm.journal {{ busy-timeout = 1s, path = \"{folder}/small/journal.db\" }}");
        using var small = new SmallDisk(Path.Combine(daemon.Folder, "small"));
        await daemon.StartReadyAsync();
        await daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await daemon.UntilAsync("a", v => v.State == "settled");
        small.Fill();
        for (var size = 300L; (await daemon.PostAsync("vms/a/resize", new ResizeVmRequest(size << 20))).Status != 503; size += 2)
        {
        }

        var host = await daemon.GetAsync<HostView>("host");
        Assert.Contains(host.Problems, p => p.Contains("is full", StringComparison.Ordinal));
        small.MakeRoom();
        await UntilAsync(async () => (await daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20))).Status != 503);

        await daemon.UntilAsync("a", v => v.ActualBytes == 512L << 20);
        Assert.Empty((await daemon.GetAsync<HostView>("host")).Problems);
    }

    /// <summary>The daemon works again after the fault: the change that was refused is made now.</summary>
    private async Task GoesOnAsync()
    {
        await UntilAsync(async () => (await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20))).Status == 200);
        await _daemon.UntilAsync("a", v => v.ActualBytes == 512L << 20 && v.State == "settled");
        await UntilHostAsync(h => h.Problems.Count == 0);
        Assert.Equal((HttpStatusCode.OK, "ready"), await ReadyAsync());
    }

    private async Task KeepsItsMemoryAsync()
    {
        var host = await _daemon.GetAsync<HostView>("host");
        Assert.Equal("degraded", host.State);
        Assert.Contains(host.Problems, p => p.Contains("the VMs keep their memory", StringComparison.Ordinal));
        var vm = await _daemon.GetAsync<VmView>("vms/a");
        Assert.Equal(256L << 20, vm.GrantedBytes);
    }

    private async Task<(HttpStatusCode Status, string Why)> ReadyAsync()
    {
        using var response = await _daemon.Client.GetAsync("/ready");
        return (response.StatusCode, (await response.Content.ReadAsStringAsync()).Trim());
    }

    private async Task<(HttpStatusCode, string)> UntilNotReadyAsync()
    {
        var ready = await ReadyAsync();
        await UntilAsync(async () => (ready = await ReadyAsync()).Status != HttpStatusCode.OK);
        return ready;
    }

    private async Task<HostView> UntilHostAsync(Func<HostView, bool> condition)
    {
        var host = await _daemon.GetAsync<HostView>("host");
        await UntilAsync(async () => condition(host = await _daemon.GetAsync<HostView>("host")));
        return host;
    }

    private async Task<string[]> KindsAsync() => [.. (await _daemon.GetAsync<EventView[]>("events")).Select(e => e.Kind)];

    private static async Task<(int, string?)> KindAsync(Task<(int Status, JsonElement Body)> answer) =>
        ((await answer).Status, (await answer).Body.GetProperty("kind").GetString());

    private static Task UntilAsync(Func<Task<bool>> condition) => DaemonFixture.UntilAsync(_ => condition());
}
