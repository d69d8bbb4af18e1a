using System.Diagnostics;
using Dmm.Core;
using Dmm.Hypervisors.Qemu;
using Xunit.Abstractions;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>New VMs on a full host, and the faults that can occur while their peers make room.</summary>
public sealed class AdmissionStories(ITestOutputHelper output)
{
    [Fact]
    public async Task A_mover_whose_QEMU_is_killed_in_the_middle_leaves_its_memory_to_the_new_vm()
    {
        await using var host = await StartAsync(memoryMiB: 800);
        var mover = await host.CreateAsync(host.Request("mover", boot: 512, max: 512));
        // A stopped VM can't carry out what it is told, so the new VM waits for it.
        await host.SignalAsync(mover.Pid, "STOP");
        await host.Client.CreateAsync(host.Request("new", boot: 300, max: 512) with { TimeoutSeconds = 300 }, host.Late);
        await host.UntilAsync("mover", "it is to shrink", vm => vm.TargetBytes < MiB(512));
        await host.UntilAsync("new", "it waits for it", vm => vm.State == "waiting");

        HostProcess.Find(mover.Pid)!.Kill();

        var guest = await host.MeetAsync("new");
        Assert.Equal([guest.Pid], host.Daemon.Folder.FindVms().Select(p => p.Pid));
        await host.UntilGoneAsync("mover");
        var view = await host.Client.HostAsync(host.Late);
        Assert.Equal((1, 0L, 0L), (view.Vms, view.DeficitBytes, view.ReservationsBytes));
    }

    [Fact]
    public async Task A_daemon_killed_while_peers_make_room_goes_on_with_it()
    {
        await using var host = await StartAsync(memoryMiB: 800);
        var peer = await host.CreateAsync(host.Request("peer", boot: 512, max: 512));
        await host.Client.CreateAsync(host.Request("new", boot: 300, max: 512) with { TimeoutSeconds = 300 }, host.Late);
        await Wait.UntilAsync(
            "the request is written down", async () => (await host.Client.VmsAsync(host.Late)).Any(vm => vm.Id == "new"), Deadline,
            host.Late, pause: TimeSpan.FromMilliseconds(2));
        await host.Daemon.KillAsync();

        await host.Daemon.StartAsync(host.Late);
        var guest = await host.MeetAsync("new");
        Assert.Equal(new[] { peer.Pid, guest.Pid }.Order(), host.Daemon.Folder.FindVms().Select(p => p.Pid).Order());
        var view = await host.Client.HostAsync(host.Late);
        Assert.Equal((2, 0L, 0L), (view.Vms, view.DeficitBytes, view.ReservationsBytes));
        Assert.Equal(0, peer.Load.Last!.OomKills);
    }

    /// <summary>
    /// Twenty VMs are requested at once on a host with room for twelve. The guests boot under emulation at the same time, and only the
    /// daemon talks to them.
    /// </summary>
    [Fact]
    public async Task Of_twenty_created_at_once_twelve_run_and_three_more_when_three_have_ended()
    {
        const int Asked = 20, Room = 12;
        var size = MemorySize.FromMiB(128);
        await using var host = await StartAsync(
            (Room * 214) + 150, more: "qemu { accel = tcg, spare-root-ports = 0, tb-size = 32MiB }\nvm { boot-deadline = 10m }",
            limit: TimeSpan.FromMinutes(10));
        var clock = Stopwatch.StartNew();
        var refused = (await Task.WhenAll(Enumerable.Range(1, Asked).Select(AskAsync))).Count(taken => !taken);
        var queued = Asked - Room - refused;
        output.WriteLine($"{Asked - refused} of {Asked} requests were taken within {clock.Elapsed.TotalSeconds:0.0} s");
        Assert.True(queued >= 3, $"{refused} of {Asked} were refused");
        await Wait.UntilAsync("all that fit run", async () => (await RunningAsync()).Count >= Room, RealHost.Deadline * 3, host.Late);
        output.WriteLine($"{Room} ran after {clock.Elapsed.TotalSeconds:0.0} s");
        await CheckAsync(queued);

        var ended = (await RunningAsync()).Take(3).ToArray();
        foreach (var vm in ended)
            await host.Client.StopAsync(vm, TimeSpan.Zero, host.Late, kill: true);
        await Wait.UntilAsync("three of the queue run in their place", async () => (await RunningAsync()) is var now && now.Count >= Room
            && !now.Intersect(ended).Any(), RealHost.Deadline * 2, host.Late);
        output.WriteLine($"three more ran after {clock.Elapsed.TotalSeconds:0.0} s");
        await CheckAsync(queued - 3);

        // A request that arrives after twelve have their memory is refused: no running VM could make room for it.
        async Task<bool> AskAsync(int i)
        {
            try
            {
                await host.Client.CreateAsync(
                    host.Request($"vm{i:00}", min: 128, boot: 128, max: 128) with { TimeoutSeconds = 3600, Channels = null }, host.Late);
                return true;
            }
            catch (TestbedException e) when (e.Message.Contains(
                "with every peer at its min this host has room for", StringComparison.Ordinal))
            {
                var placed = (await host.Client.VmsAsync(host.Late))
                    .Count(vm => vm.State is not ("requested" or "planned" or "waiting" or "shrinking"));
                Assert.True(placed >= Room, $"with {placed} that have their memory: {e.Message}");
                return false;
            }
        }

        async Task<List<string>> RunningAsync() =>
            [.. (await host.Client.VmsAsync(host.Late)).Where(vm => vm.Pid is not null && vm.State is not ("booting" or "stopping"))
                .Select(vm => vm.Id)];

        async Task CheckAsync(int waiting)
        {
            var view = await host.Client.HostAsync(host.Late);
            Assert.Equal((Room, waiting, 0L), (view.Vms, view.Admissions.Count, view.DeficitBytes));
            Assert.True(view.ClaimsBytes + view.ReservationsBytes + view.ReserveBytes <= view.MemoryBytes);
            Assert.Equal(Room, host.Daemon.Folder.FindVms().Count);
            var vms = await host.Client.VmsAsync(host.Late);
            Assert.All(
                vms.Where(vm => vm.Pid is not null),
                vm => Assert.True(vm.ActualBytes >= size.Bytes, $"{vm.Id} has {vm.ActualBytes >> 20} MiB"));
            Assert.All(vms.Where(vm => vm.Pid is null), vm => Assert.False(string.IsNullOrEmpty(vm.Why), vm.Id));
            // Requests are served in order: those that wait came after those that run, as far as the order of simultaneous requests can
            // be known.
            Assert.All(view.Admissions, a => Assert.Contains(a.State, new[] { "waiting", "requested" }));
        }
    }
}
