using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// Impossible requests by the command to a daemon that governs real VMs: each is refused in one line, and leaves nothing behind.
/// </summary>
public sealed class RefusalStories
{
    [Fact]
    public async Task What_can_not_be_is_refused_with_its_reason_and_its_exit_code()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var one = await host.CreateAsync(host.Request("one"));
        var torn = host.Daemon.Folder.In("torn.conf");
        await File.WriteAllTextAsync(torn, "name = two\nmin = {", host.Late);
        var before = await host.Client.HostAsync(host.Late);

        foreach (var (code, error, arguments) in Requests(torn, host.Image.Kernel))
        {
            var ended = await host.DmmAsync(["vm", "create", .. arguments]);
            Assert.Equal((code, 1), (ended.Code, ended.Error.TrimEnd('\n').Split('\n').Length));
            Assert.True(ended.Error.StartsWith($"dmm: {error}", StringComparison.Ordinal), ended.Error);
        }

        Assert.Equal("one", Assert.Single(await host.Client.VmsAsync(host.Late)).Id);
        Assert.Equal([one.Pid], host.Daemon.Folder.FindVms().Select(p => p.Pid));
        var after = await host.Client.HostAsync(host.Late);
        Assert.Equal((0L, before.Vms, 0), (after.ReservationsBytes, after.Vms, after.Admissions.Count));
    }

    private static IEnumerable<(int Code, string Error, string[] Arguments)> Requests(string torn, string kernel) =>
    [
        (2, "two: min is 0", ["two", "--min", "0", "--boot", "256M", "--max", "1G"]),
        (2, "two: min 512 MiB is above boot 256 MiB", ["two", "--min", "512M", "--boot", "256M", "--max", "1G"]),
        (2, "two: the deadline 2020-01-01",
            ["two", "--min", "128M", "--boot", "256M", "--max", "1G", "--deadline", "2020-01-01T00:00:00Z", "--kernel", kernel]),
        (2, "two: kernel '/nowhere/vmlinuz' does not exist",
            ["two", "--min", "128M", "--boot", "256M", "--max", "1G", "--kernel", "/nowhere/vmlinuz"]),
        (2, $"{torn}, line 2, column 7", ["--spec", torn]),
        (1, "two needs 64 GiB to boot and about ", ["two", "--min", "128M", "--boot", "64G", "--max", "64G", "--kernel", kernel]),
        (1, "there is a VM one on this host already; use another name",
            ["one", "--min", "128M", "--boot", "256M", "--max", "1G", "--kernel", kernel]),
    ];
}
