using System.Text.Json.Nodes;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// VMs of others whose memory is shared, with devices of their own: what DMM adds is of the same kind, and the rest stays.
/// </summary>
public sealed class ForeignMemoryStories
{
    private static readonly string[] Shared = ["-machine", "memory-backend=m", "-object", "memory-backend-memfd,id=m,size=256M,share=on"];

    [Fact]
    public async Task DIMMs_of_a_shared_vm_are_shared_and_its_owners_DIMM_and_settings_stay()
    {
        await using var host = await StartAsync(memoryMiB: 3072);
        var pretty = host.Daemon.Folder.In("pretty.qmp");
        await using var foreign = await ForeignGuest.StartAsync(
            host, "theirs", "256M,slots=8,maxmem=8G",
            [.. Shared, "-chardev", $"socket,id=p,path={pretty},server=on,wait=off", "-mon", "chardev=p,mode=control,pretty=on"]);
        await using var eye = await QemuEye.OpenAsync(foreign.Second, host.Late);
        await TellAsync(
            "object-add", new() { ["qom-type"] = "memory-backend-memfd", ["id"] = "mem1", ["size"] = MiB(128), ["share"] = true });
        await TellAsync("device_add", new() { ["driver"] = "pc-dimm", ["id"] = "dimm1", ["memdev"] = "mem1" });

        var done = await host.Client.AdoptAsync("theirs", new(pretty, MiB(128), MiB(1024), null), host.Late);
        Assert.Contains(done.Notes, n => n.Contains($"DMM keeps the monitor {pretty}", StringComparison.Ordinal));
        var vm = await host.UntilAsync("theirs", "its agent reports", v => v is { State: "settled", Agent: "agent" });
        Assert.Equal((MiB(384), 0L, "tcg"), (vm.BaseBytes, vm.PluggedBytes, vm.Accel));
        await host.Client.ResizeAsync("theirs", MiB(896), host.Late);
        await host.UntilAsync("theirs", "it has a DIMM", v => v is { State: "settled", PluggedBytes: > 0 } && v.ActualBytes == MiB(896));
        // A number of its owner's is not used again, although the prefix tells them apart.
        Assert.Equal(["dmm-dimm2-memory", "m", "mem1"], await SharedAsync());

        await host.Client.ResizeAsync("theirs", MiB(256), host.Late);
        await host.UntilAsync("theirs", "it has shrunk", v => v is { State: "settled" } && v.ActualBytes <= MiB(260));
        Assert.Contains("mem1", await SharedAsync());
        await host.Client.ForgetAsync("theirs", host.Late);
        await Wait.UntilAsync("its statistics are as they were", async () => await PeriodAsync() == 0, Deadline, host.Late);

        async Task<string[]> SharedAsync() =>
        [
            .. (await eye.TellAsync("query-memdev", null, host.Late)).EnumerateArray().Where(m => m.GetProperty("share").GetBoolean())
                .Select(m => m.GetProperty("id").GetString()!).Order(StringComparer.Ordinal),
        ];

        async Task<long> PeriodAsync()
        {
            var path = (await eye.TellAsync("qom-list", new() { ["path"] = "/machine/peripheral-anon" }, host.Late)).EnumerateArray()
                .First(d => d.GetProperty("type").GetString()!.Contains("balloon", StringComparison.Ordinal))
                .GetProperty("name").GetString();
            var get = new JsonObject
            {
                ["path"] = $"/machine/peripheral-anon/{path}",
                ["property"] = "guest-stats-polling-interval",
            };
            return (await eye.TellAsync("qom-get", get, host.Late)).GetInt64();
        }

        Task TellAsync(string command, JsonObject arguments) => eye.TellAsync(command, arguments, host.Late);
    }

    [Fact]
    public async Task A_further_device_of_a_shared_vm_is_shared_and_uses_only_the_port_that_was_given()
    {
        await using var host = await StartAsync(memoryMiB: 3072);
        await using var foreign = await ForeignGuest.StartAsync(
            host, "theirs", "256M,slots=8,maxmem=8G",
            [
                .. Shared, "-object", "memory-backend-memfd,id=mv,size=256M,share=on,reserve=off",
                "-device", "virtio-mem-pci,id=vm0,memdev=mv,requested-size=0", "-device", "pcie-root-port,id=spare0,chassis=101",
                "-device", "pcie-root-port,id=dmm-spare0,chassis=102",
            ]);
        await using var eye = await QemuEye.OpenAsync(foreign.Second, host.Late);
        await host.Client.AdoptAsync("theirs", new(foreign.Socket, MiB(128), MiB(2048), null), host.Late);
        await host.UntilAsync("theirs", "its agent reports", v => v is { State: "settled", Agent: "agent" });

        await host.Client.ResizeAsync("theirs", MiB(1024), host.Late);
        await host.UntilAsync("theirs", "it has grown beyond its device", v => v is { State: "settled" } && v.ActualBytes >= MiB(1022));

        var memory = (await eye.TellAsync("query-memdev", null, host.Late)).EnumerateArray().ToArray();
        Assert.Equal(
            ["dmm-vmem0-memory", "m", "mv"], memory.Select(m => m.GetProperty("id").GetString()!).Order(StringComparer.Ordinal));
        Assert.All(memory, m => Assert.True(m.GetProperty("share").GetBoolean()));
        var port = await eye.TellAsync("qom-list", new() { ["path"] = "/machine/peripheral/spare0/spare0" }, host.Late);
        Assert.DoesNotContain(
            port.EnumerateArray(), c => c.GetProperty("name").GetString()!.StartsWith("child[", StringComparison.Ordinal));
    }
}
