using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>A guest whose kernel panics says so by its pvpanic device, with its last breath.</summary>
public sealed class PanicStories
{
    /// <summary>Reports like an agent, and then crashes the kernel.</summary>
    private const string Crash = """
        say '{"t":"hello","protocol":1,"agent":"its own","kernel":"6"}'
        for i in 1 2 3 4 5; do
          say '{"t":"sample","why":"periodic","memTotalKib":200000,"memFreeKib":100000,"memAvailableKib":100000}'
          /bin/busybox sleep 1
        done
        echo c > /proc/sysrq-trigger
        """;

    [Fact]
    public async Task One_without_a_restart_policy_stays_to_be_looked_at_and_one_with_it_comes_back()
    {
        await using var host = await StartAsync(memoryMiB: 1400);
        var initrd = await ForeignAgent.InAsync(host.Image, host.Daemon.Folder.In("crash.cpio.gz"), Crash, host.Late);
        await host.Client.CreateAsync(host.Request("stays") with { Initrd = initrd, Channels = [] }, host.Late);
        await host.Client.CreateAsync(host.Request("returns") with { Initrd = initrd, Channels = [], Restart = "always" }, host.Late);

        var panicked = await host.UntilAsync("stays", "its panic is seen", v => v.State == "panicked");
        Assert.Contains("panicked", panicked.Why, StringComparison.Ordinal);
        Assert.True(panicked.GrantedBytes >= MiB(230), "its memory is its own as long as its process is there");
        Assert.True(Runs(panicked.Pid!.Value));
        await host.UntilAsync("returns", "it has come back", v => v is { Returns: > 0, Agent: "agent" });

        var events = await host.Client.EventsAsync(host.Late);
        Assert.Single(events, e => e is { Kind: "guestPanicked", Vm: "stays" });
        Assert.Contains(events, e => e is { Kind: "guestPanicked", Vm: "returns" });
        Assert.Contains(events, e => e is { Kind: "vmReturns", Vm: "returns" });
        Assert.DoesNotContain(events, e => e is { Kind: "vmStopped" or "vmEnded", Vm: "stays" });

        var (code, error) = await host.DmmAsync("vm", "stop", "stays", "--kill", "--wait");
        Assert.True(code == 0, error);
        Assert.False(Runs(panicked.Pid!.Value));
    }
}
