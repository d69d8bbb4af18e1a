using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>A host with real guests is taken out of service and comes back.</summary>
public sealed class DrainStories
{
    [Fact]
    public async Task Guests_power_down_stay_away_from_the_next_daemon_and_return_whatever_their_restart_policy()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        foreach (var restart in new[] { "never", "always" })
            await host.Client.CreateAsync(host.Request(restart, boot: 160, max: 512) with { Restart = restart }, host.Late);
        var before = new Dictionary<string, int>();
        foreach (var name in new[] { "never", "always" })
            before[name] = (await host.MeetAsync(name)).Pid;

        // The deadline is far longer than an emulated guest needs; without --kill none of them is ended by force.
        Assert.Equal((0, ""), await host.DmmAsync("host", "drain", "--deadline", "110s", "--wait"));
        Assert.DoesNotContain(before.Values, Runs);
        var drain = (await host.Client.HostAsync(host.Late)).Drain!;
        Assert.Equal([("always", "ended"), ("never", "ended")], drain.Vms.Select(vm => (vm.Vm, vm.State)));
        Assert.Equal(
            "the host is drained: no VM runs", (await host.Client.EventsAsync(host.Late)).Single(e => e.Kind == "hostDrained").Text);

        await host.Daemon.KillAsync();
        await host.Daemon.StartAsync(host.Late);
        var next = await host.Client.HostAsync(host.Late);
        Assert.Equal(drain.Since, next.Drain!.Since, TimeSpan.FromSeconds(1));
        Assert.Equal((0, 0L), (next.Drain.Left, next.ClaimsBytes));
        Assert.Equal(["returning", "returning"], (await host.Client.VmsAsync(host.Late)).Select(vm => vm.State));
        Assert.Empty(host.Daemon.Folder.FindVms());
        var (code, error) = await host.DmmAsync("vm", "start", "always");
        Assert.Equal(1, code);
        Assert.Contains("'dmm host undrain'", error, StringComparison.Ordinal);

        Assert.Equal((0, ""), await host.DmmAsync("host", "undrain"));
        foreach (var name in new[] { "never", "always" })
        {
            await host.UntilAsync(
                name, "it is back", vm => vm is { State: "settled" or "growing" or "shrinking", Pid: { } pid } && pid != before[name]);
        }

        Assert.Equal(2, host.Daemon.Folder.FindVms().Count);
        Assert.Null((await host.Client.HostAsync(host.Late)).Drain);
    }
}
