using Dmm.Contracts;
using Dmm.Hypervisors.Qemu;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>Real VMs that return after their end, and VMs that do not.</summary>
public sealed class ReturnStories
{
    [Fact]
    public async Task A_vm_that_is_killed_comes_back_and_one_that_is_stopped_does_not()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var first = await host.CreateAsync(host.Request("vm") with { Restart = "onFailure" });
        HostProcess.Find(first.Pid)!.Kill();
        var again = await BackAsync(host, "vm", first.Pid);
        Assert.Equal(1, again.Returns);
        Assert.Equal([again.Pid!.Value], host.Daemon.Folder.FindVms().Select(p => p.Pid));

        await host.Client.StopAsync("vm", TimeSpan.FromSeconds(60), host.Late);
        var stopped = await host.UntilAsync("vm", "it is stopped", vm => vm.State == "stopped");
        Assert.Null(stopped.ReturnsAt);
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).ClaimsBytes);
        await host.Daemon.KillAsync();
        await host.Daemon.StartAsync(host.Late);
        await host.UntilAsync("vm", "the next daemon knows it", vm => vm.State == "stopped");
        Assert.Empty(host.Daemon.Folder.FindVms());

        await host.Client.StartAsync("vm", host.Late);
        await BackAsync(host, "vm", again.Pid!.Value);
    }

    [Fact]
    public async Task After_all_processes_are_gone_those_that_are_to_run_return_once_each_and_others_do_not()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        foreach (var (name, restart, priority) in new[]
        {
            ("always", "always", 1),
            ("failure", "onFailure", 2),
            ("never", "never", 3),
            ("quiet", "onFailure", 4),
        })
            await host.Client.CreateAsync(
                host.Request(name, boot: 160, max: 512) with { Restart = restart, Priority = priority }, host.Late);
        var guests = new Dictionary<string, Guest>();
        foreach (var name in new[] { "always", "failure", "never", "quiet" })
            guests[name] = await host.MeetAsync(name);
        var pids = guests.ToDictionary(g => g.Key, g => g.Value.Pid);
        await host.Daemon.KillAsync();

        // One guest powers down by itself; the others are lost, as when the host loses power.
        await guests["quiet"].Eye.PressPowerAsync(host.Late);
        await Wait.UntilAsync("it has powered down", () => Task.FromResult(!Runs(pids["quiet"])), Deadline, host.Late);
        foreach (var name in new[] { "always", "failure", "never" })
            HostProcess.Find(pids[name])!.Kill();
        await Wait.UntilAsync("all are gone", () => Task.FromResult(!pids.Values.Any(Runs)), Deadline, host.Late);

        await host.Daemon.StartAsync(host.Late);
        // The daemon is killed once more in the middle of the return.
        await Wait.UntilAsync("one is being created", async () => (await host.Client.VmsAsync(host.Late))
            .Any(vm => vm.State is "launching" or "booting" && vm.Returns is not null), Deadline, host.Late,
            pause: TimeSpan.FromMilliseconds(5));
        await host.Daemon.KillAsync();
        await host.Daemon.StartAsync(host.Late);
        var (always, failure) = (await BackAsync(host, "always", pids["always"]), await BackAsync(host, "failure", pids["failure"]));
        Assert.Equal(new[] { always.Pid!.Value, failure.Pid!.Value }.Order(), host.Daemon.Folder.FindVms().Select(p => p.Pid).Order());
        var others = (await host.Client.VmsAsync(host.Late)).Where(vm => vm.Id is "never" or "quiet").ToArray();
        Assert.Equal(("quiet", "stopped"), Assert.Single(others.Select(vm => (vm.Id, vm.State))));
    }

    private static async Task<VmView> BackAsync(RealHost host, string name, int before) =>
        await host.UntilAsync(name, "it is back", vm => vm.State is "settled" or "growing" or "shrinking" && vm.Pid is { } pid
            && pid != before);
}
