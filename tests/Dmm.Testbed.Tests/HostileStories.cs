using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>A guest with an agent of its own: whatever it writes, its neighbours are served and grow as usual.</summary>
public sealed class HostileStories
{
    /// <summary>
    /// Figures whose difference overflows, or nearly so; invalid texts; another kernel each time; now and then a line without an end.
    /// Twenty rounds a second.
    /// </summary>
    private const string Liar = """
        levels='"memTotalKib":200000,"memFreeKib":100000,"memAvailableKib":100000'
        sample() { say '{"t":"sample","why":"'$2'",'$levels',"refaults":'$1',"stallSomeUs":'$1',"swapIns":'$1'}'; }
        n=0
        while :; do
          n=$((n + 1))
          say '{"t":"hello","protocol":1,"agent":"its own","kernel":"k'$n'"}'
          sample 0 periodic
          sample 2251799813685248 stall
          sample 0 low
          sample 2140000000000000 periodic
          sample 9223372036854775807 stall
          say '{"t":"\ud800"}'
          printf '{"t":"\377\376"}\n' >&3
          [ $((n % 200)) -ne 0 ] || /bin/busybox head -c 3000000 /dev/zero >&3
          /bin/busybox usleep 50000
        done
        """;

    [Fact]
    public async Task Beside_a_guest_that_lies_without_measure_an_honest_one_grows_as_ever()
    {
        await using var host = await StartAsync(memoryMiB: 1400);
        var initrd = await ForeignAgent.InAsync(host.Image, host.Daemon.Folder.In("liar.cpio.gz"), Liar, host.Late);
        var honest = await host.CreateAsync(host.Request("honest"));
        await host.Client.CreateAsync(host.Request("liar", max: 512) with { Initrd = initrd }, host.Late);
        await host.UntilAsync("liar", "it lies", static v => v.Guest?.Kernel is ['k', _, _, ..]);

        var held = MemorySize.FromMiB(420);
        await honest.Load.HoldAsync(held, Pace, host.Late);
        await honest.Load.WaitForAsync("it holds more than it booted with", r => r.Held == held, Deadline, host.Late);
        Assert.Equal((0, 0), (honest.Load.Last!.OomKills, honest.Load.Deaths));

        // Forecasts go on: the honest guest's forecast is current, and follows its behaviour.
        await honest.Load.FreeAsync(host.Late);
        await host.UntilAsync("honest", "it is seen to need less", v => v.WorkingSetBytes < MiB(250));

        var events = await host.Client.EventsAsync(host.Late);
        Assert.DoesNotContain(events, e => e.Kind is "modelFailed" or "actorRestarted");
        Assert.Contains(events, e => e is { Kind: "vmLaunched", Vm: "honest" });
        var hellos = events.Where(e => e is { Kind: "agentHello", Vm: "liar" }).ToList();
        Assert.NotEmpty(hellos);
        Assert.All(hellos, e => Assert.All(e.Text, c => Assert.InRange(c, ' ', '~')));
        // The liar is bounded by its own max, and can still be given a target.
        var liar = await host.Client.VmAsync("liar", host.Late);
        Assert.InRange(liar.GrantedBytes, 1, liar.MaxBytes);
        Assert.True(liar.DemandBytes > 0, "nothing is known of it");
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).DeficitBytes);
    }

    /// <summary>Nothing to spare, ever, and a cry for more with it: it gets what nobody else holds, and nothing beyond.</summary>
    [Fact]
    public async Task One_that_cries_for_all_memory_takes_none_that_another_holds_and_no_guarantee()
    {
        const string Cry = """
            say '{"t":"hello","protocol":1,"agent":"its own","kernel":"cries"}'
            while :; do
              read -r _ total _ < /proc/meminfo
              say '{"t":"sample","why":"low","memTotalKib":'$total',"memFreeKib":0,"memAvailableKib":0,"stallSomeUs":900000}'
              /bin/busybox usleep 200000
            done
            """;
        await using var host = await StartAsync(memoryMiB: 1400);
        var initrd = await ForeignAgent.InAsync(host.Image, host.Daemon.Folder.In("cry.cpio.gz"), Cry, host.Late);
        var honest = await host.CreateAsync(host.Request("honest", min: 256, boot: 256));
        var held = MemorySize.FromMiB(330);
        await honest.Load.HoldAsync(held, Pace, host.Late);
        await honest.Load.WaitForAsync("it works with more than its min", r => r.Held == held, Deadline, host.Late);

        await host.Client.CreateAsync(host.Request("cries") with { Initrd = initrd, Channels = [] }, host.Late);
        await host.UntilAsync("cries", "it has got what was free", v => v.ActualBytes > MiB(350));
        var deadline = TimeSpan.FromSeconds(20);
        for (var i = 0; i < deadline.TotalSeconds * 2; i++)
        {
            var (worker, liar) = (await host.Client.VmAsync("honest", host.Late), await host.Client.VmAsync("cries", host.Late));
            Assert.InRange(liar.GrantedBytes, liar.MinBytes, liar.MaxBytes);
            Assert.True(worker.ActualBytes >= held.Bytes, $"{worker.ActualBytes >> 20} MiB are left to the one that works");
            Assert.Equal(0, (await host.Client.HostAsync(host.Late)).DeficitBytes);
            await Task.Delay(TimeSpan.FromMilliseconds(500), host.Late);
        }

        await honest.Load.ReportAsync(host.Late);
        Assert.Equal((0, 0), (honest.Load.Last!.OomKills, honest.Load.Deaths));
        Assert.Equal(held, honest.Load.Last.Held);
        // What it frees goes to the other; its guarantee does not.
        await honest.Load.FreeAsync(host.Late);
        await host.UntilAsync("honest", "it gives what it does not use", v => v.ActualBytes < held.Bytes);
        Assert.True((await host.Client.VmAsync("honest", host.Late)).GrantedBytes >= MiB(256));
    }
}
