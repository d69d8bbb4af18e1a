using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// A guest whose memory is locked says that it gave some, but its process keeps it: this is reported, and the memory is promised to
/// nobody.
/// </summary>
public sealed class KeptMemoryStories
{
    private static readonly string[] Locked = ["-overcommit", "mem-lock=on"];

    [LockedMemoryFact]
    public async Task What_a_guest_with_locked_memory_gives_is_not_promised_to_another()
    {
        await using var host = await StartAsync(memoryMiB: 1536);
        await using var pin = await ForeignGuest.StartAsync(host, "pin", "512M", Locked);
        await ShrinksInVainAsync(host, pin);

        var shown = await host.Client.VmAsync("pin", host.Late);
        Assert.Contains(shown.Warnings, w => w.StartsWith("its balloon returns no memory to the host: ", StringComparison.Ordinal)
            && w.Contains("locked", StringComparison.Ordinal));
        Assert.Contains(shown.Warnings, w => w.StartsWith("gives nothing back to the host: its process holds ", StringComparison.Ordinal));
        var free = (await host.Client.HostAsync(host.Late)).FreeBytes;
        var held = Resident(pin.Pid);
        Assert.True(free <= MiB(1536) + MiB(8) - held, $"{free >> 20} MiB are free, and {held >> 20} of 1536 are held");

        // Another VM takes all that it can be given, and is refused more than that.
        var refused = await Assert.ThrowsAsync<TestbedException>(
            () => host.Client.CreateAsync(host.Request("large", min: 128, boot: 1000, max: 1000), host.Late));
        Assert.Contains("pin holds ", refused.Message, StringComparison.Ordinal);
        var vm = await FillAsync(host);
        var sum = Resident(pin.Pid) + Resident(vm.Pid);
        Assert.True(sum <= MiB(1536), $"both hold {sum >> 20} MiB of 1536");
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).DeficitBytes);
    }

    /// <summary>If the memory were promised twice, the group's limit would kill one of the VMs.</summary>
    [LockedMemoryFact(inGroup: true)]
    public async Task Under_the_limit_of_a_common_control_group_nobody_is_killed_for_it()
    {
        using var group = new ControlGroup(MemorySize.FromMiB(2048));
        await using var host = await StartAsync(memoryMiB: 4096, more: "host { calm-after = 2s }");
        group.TakeIn(host.Daemon.Pid!.Value);
        await using var pin = await ForeignGuest.StartAsync(host, "pin", "512M", Locked, group);
        await ShrinksInVainAsync(host, pin);

        var vm = await FillAsync(host);
        Assert.True(Runs(vm.Pid), "its group's limit has killed it");
        Assert.True(Runs(pin.Pid));
        Assert.Equal((0, 0), (vm.Load.Last!.OomKills, vm.Load.Deaths));
    }

    private static async Task ShrinksInVainAsync(RealHost host, ForeignGuest pin)
    {
        // QEMU takes and locks all of its memory before it answers.
        await Wait.UntilAsync("its memory is locked", () => Task.FromResult(Resident(pin.Pid) > MiB(512)), Deadline, host.Late);
        await host.Client.AdoptAsync("pin", new(pin.Socket, MiB(128), MiB(512), null), host.Late);
        await host.UntilAsync("pin", "its agent reports", v => v is { State: "settled", Agent: "agent" });
        var held = Resident(pin.Pid);
        await host.Client.ResizeAsync("pin", MiB(256), host.Late);
        await host.UntilAsync("pin", "it says that it has 256 MiB, and has been looked at since", v =>
            v is { State: "settled" } && v.ActualBytes <= MiB(260)
            && v.Warnings.Any(w => w.StartsWith("gives nothing back", StringComparison.Ordinal)));
        Assert.True(Resident(pin.Pid) >= held - MiB(16), "its host got it back: this story shows nothing");
    }

    private static async Task<Guest> FillAsync(RealHost host)
    {
        var vm = await host.CreateAsync(host.Request("vm", max: 2048));
        await host.Client.ResizeAsync("vm", MiB(2048), host.Late);
        await host.UntilAsync("vm", "it has all that is free", v => v is { State: "settled" } && v.ActualBytes > MiB(400));
        var shown = await host.Client.VmAsync("vm", host.Late);
        var held = new MemorySize(shown.ActualBytes) - MemorySize.FromMiB(128);
        await vm.Load.HoldAsync(held, MemorySize.FromMiB(200), host.Late);
        await vm.Load.WaitForAsync("all that was given is used", r => r.Held == held, Deadline, host.Late);
        return vm;
    }

    private static long Resident(int pid) => File.ReadLines($"/proc/{pid}/status")
        .Where(static line => line.StartsWith("RssAnon:", StringComparison.Ordinal)
            || line.StartsWith("RssShmem:", StringComparison.Ordinal))
        .Sum(static line => long.Parse(
            line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) << 10);
}

/// <summary>A test that locks more memory than an ordinary user may (CAP_IPC_LOCK).</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LockedMemoryFactAttribute : FactAttribute
{
    /// <param name="inGroup">True if the test also creates a control group.</param>
    public LockedMemoryFactAttribute(bool inGroup = false) =>
        Skip = !Environment.IsPrivilegedProcess ? "needs a user who may lock that much memory"
        : inGroup && !ControlGroup.IsPossible() ? "a limit is tried on a control group of its own, which this user may not make here"
        : null;
}
