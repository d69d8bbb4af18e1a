using Dmm.Core;
using Dmm.Demo.Reporting;

namespace Dmm.Demo.Chapters;

/// <summary>
/// One large load moves from guest to guest. The host has enough memory for one guest of that size and two small ones, but not for three
/// large ones. So memory has to follow the load, by hotplug, since no guest booted with that much.
/// </summary>
public static class LoadMoves
{
    private static readonly TimeSpan GrowDeadline = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan FreeDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Plateau = TimeSpan.FromSeconds(2);

    public static async Task PlayAsync(Stage stage)
    {
        stage.Chapter("2 the load moves", $"2  A load of {Sizes.Load} moves from guest to guest, and memory with it");
        Guest? before = null;
        foreach (var name in ThreeGuests.Names)
        {
            if (before is not null)
                await LeaveAsync(stage, before);
            before = stage[name];
            await LoadAsync(stage, before);
        }
    }

    private static async Task LoadAsync(Stage stage, Guest guest)
    {
        var peers = stage.Guests.Where(g => g != guest).ToList();
        var peersBefore = await PeersAsync(stage, peers);
        var began = stage.Now;
        await guest.Load.WorkAsync(1, stage.Cancellation);
        await guest.Load.HoldAsync(Sizes.Load, Sizes.LoadPerSecond, stage.Cancellation);
        await guest.Load.WaitForAsync($"holds its load of {Sizes.Load}", r => r.Held >= Sizes.Load, GrowDeadline, stage.Cancellation);
        var until = (await guest.Load.WaitForAsync("reports", _ => true, FreeDeadline, stage.Cancellation)).UptimeMs
            + (long)Plateau.TotalMilliseconds;
        var worked = await guest.Load.WaitForAsync("works on its load", r => r.UptimeMs >= until, GrowDeadline, stage.Cancellation);
        var seen = await guest.Eye.LookAsync(stage.Cancellation);
        var gave = peersBefore.MinusOrZero(await PeersAsync(stage, peers));
        stage.Tell(
            $"{guest.Name} holds {worked.Held} after {(stage.Now - began).TotalSeconds:0.0} s: the guest sees {worked.MemTotal}, QEMU "
                + $"has plugged {seen.Plugged}; its peers gave {gave}");

        stage.Add(
            Check.AtLeast(
                $"{guest.Name} grows by hotplug (QEMU)", seen.Plugged.Mebibytes, (Sizes.Load - Sizes.Boot).Mebibytes, "MiB plugged"));
        stage.Add(
            Check.AtLeast(
                $"{guest.Name} sees more than it booted with (MemTotal)", worked.MemTotal.Mebibytes, Sizes.Load.Mebibytes, "MiB"));
        stage.Add(Check.AtLeast($"{guest.Name}'s idle peers give (QEMU)", gave.Mebibytes, Sizes.Near.Mebibytes, "MiB"));
        stage.Add(Check.AtLeast($"{guest.Name}'s load works at its full size", worked.OperationsPerSecond, 1_000, "operations/s"));
    }

    private static async Task LeaveAsync(Stage stage, Guest guest)
    {
        await guest.Load.RestAsync(stage.Cancellation);
        await guest.Load.FreeAsync(stage.Cancellation);
        await guest.Load.WaitForAsync("has given its load back", r => r.HeldKib == 0, FreeDeadline, stage.Cancellation);
        stage.Tell($"the load leaves {guest.Name}");
    }

    private static async Task<MemorySize> PeersAsync(Stage stage, IEnumerable<Guest> peers)
    {
        var sum = MemorySize.Zero;
        foreach (var peer in peers)
            sum += (await peer.Eye.LookAsync(stage.Cancellation)).Actual;
        return sum;
    }
}
