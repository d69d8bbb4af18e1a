using System.Diagnostics;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using static Dmm.Testbed.Tests.BareGuest;

namespace Dmm.Testbed.Tests;

/// <summary>Facts about memory that comes back to the host, about the host's refusals, and about how a guest in need is noticed.</summary>
public sealed class HostFacts
{
    [Fact]
    public async Task What_a_guest_frees_comes_back_to_its_host_without_any_resize()
    {
        await using var guest = await LaunchAsync();
        await guest.PlugAsync(900);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(1000));
        await guest.Load.HoldAsync(Mi(500), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(500));
        var held = await ResidentAsync(guest);
        Assert.True(held > Mi(500).Bytes, $"{held >> 20} MiB resident");

        // Free page reporting returns it.
        await guest.Load.FreeAsync(guest.Late);
        await Wait.UntilAsync(
            "it is back", async () => await ResidentAsync(guest) < held - Mi(350).Bytes, TimeSpan.FromSeconds(120), guest.Late);
        Assert.Equal(Mi(900), guest.Sizes.Plugged);
    }

    [Fact]
    public async Task What_is_unplugged_comes_back_to_the_host()
    {
        await using var guest = await LaunchAsync();
        await guest.PlugAsync(900);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(1000));
        await guest.Load.HoldAsync(Mi(500), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(500));
        var held = await ResidentAsync(guest);
        await guest.Load.FreeAsync(guest.Late);
        await guest.UntilGuestAsync("it is free", r => r.Held.IsZero);
        await guest.PlugAsync(0);
        await guest.UntilAsync("it is unplugged", s => s.Plugged <= Mi(32));
        Assert.True(await ResidentAsync(guest) < held - Mi(350).Bytes, "its host still has it");
    }

    [Fact]
    public async Task A_host_that_gives_a_process_no_more_address_space_refuses_an_addition_and_the_guest_works_on()
    {
        await using var guest = await LaunchAsync();
        var pid = guest.Pid;
        var size = long.Parse((await File.ReadAllTextAsync($"/proc/{pid}/statm", guest.Late)).Split(' ')[0]) * Environment.SystemPageSize;
        using (var limit = Process.Start("prlimit", [$"--pid={pid}", $"--as={size + Mi(64).Bytes}"]))
        {
            await limit.WaitForExitAsync(guest.Late);
            Assert.Equal(0, limit.ExitCode);
        }

        var refused = await Assert.ThrowsAnyAsync<HypervisorException>(() => guest.Vm.RescueAsync(guest.Late));
        Assert.IsNotType<VmGoneException>(refused);
        Assert.Contains("memory", refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(Mi(256), guest.Sizes.Base);
        await guest.PlugAsync(512);
        await guest.UntilGuestAsync("the device that it has works on", r => r.MemTotal >= Mi(600));
    }

    /// <summary>
    /// Without swap a stall is measured only after the OOM killer has ended it: only MemAvailable shows the need in time.
    /// </summary>
    [Fact]
    public async Task A_burst_without_swap_is_heard_by_what_is_available_before_anything_stalls()
    {
        await using var guest = await LaunchAsync();
        await guest.Load.HoldAsync(Mi(600), Mi(100), guest.Late);
        await guest.UntilGuestAsync("nobody helped it, and the OOM killer came", r => r.OomKills > 0);
        var first = guest.Seen<VmObservation.Sample>().Select(s => s.Value).First(s => s.Reason != SampleReason.Periodic);
        Assert.Equal((SampleReason.LowMemory, 0L), (first.Reason, first.OomKills));
        Assert.True(first.MemAvailable > Mi(16), $"{first.MemAvailable} were left when it was heard");
    }

    private static async Task<long> ResidentAsync(BareGuest guest) => (await guest.Vm.MeasureAsync(guest.Late))!.Resident.Bytes;
}
