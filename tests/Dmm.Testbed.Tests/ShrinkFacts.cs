using static Dmm.Testbed.Tests.BareGuest;

namespace Dmm.Testbed.Tests;

/// <summary>
/// Facts about taking memory from a guest that uses it: why a shrink is bounded by what the guest can spare, and what wakes a driver that
/// gave up.
/// </summary>
public sealed class ShrinkFacts
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task An_unplug_under_load_stops_and_goes_on_when_the_same_is_asked_again()
    {
        await using var guest = await LaunchAsync();
        await guest.PlugAsync(2048);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(2100));
        await guest.Load.HoldAsync(Mi(1024), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(1024));

        // Memory that the guest can spare comes at once …
        await guest.PlugAsync(1280);
        await guest.UntilAsync("it has given what it could spare", s => s.Plugged <= Mi(1290));

        // … a request for more stops where the load begins, and leaves the guest almost nothing.
        await guest.PlugAsync(512);
        await guest.UntilAsync("it has given nearly all that its load leaves", s => s.Plugged <= Mi(1100));
        var stopped = await guest.AtRestAsync(Rest);
        Assert.True(stopped.Plugged >= Mi(768), $"{stopped}");
        await guest.Load.ReportAsync(guest.Late);
        await guest.UntilGuestAsync("it has hardly anything left", r => r.MemAvailable < Mi(160));

        await guest.PlugAsync(1280);
        await guest.Load.FreeAsync(guest.Late);
        await guest.UntilGuestAsync("the load is gone", r => r.Held.IsZero);
        await guest.PlugAsync(0);
        await guest.UntilAsync("all but a few blocks is back", s => s.Plugged <= Mi(32));
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
    }

    [Fact]
    public async Task A_guest_that_is_shrunk_to_its_last_pages_is_killed_when_its_load_grows_if_not_before()
    {
        await using var guest = await LaunchAsync();
        await guest.PlugAsync(2048);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(2100));
        await guest.Load.HoldAsync(Mi(300), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(300));
        await guest.PlugAsync(0);
        var stopped = await guest.AtRestAsync(Rest);
        await guest.Load.ReportAsync(guest.Late);
        await guest.UntilGuestAsync("it has hardly anything left, or was killed already", r => r.MemAvailable < Mi(96) || r.OomKills > 0);

        // Nothing refused the request, so it stays in force. The guest's last memory is needed for its next fork, which may even come
        // meanwhile.
        if (guest.Load.Last!.OomKills == 0)
        {
            Assert.InRange(stopped.Plugged.Bytes >> 20, 32, 400);
            await guest.Load.HoldAsync(Mi(600), Mi(200), guest.Late);
        }

        await guest.UntilGuestAsync("the OOM killer has come", r => r.OomKills > 0);
        await guest.UntilLoadDiedAsync();
    }

    [Fact]
    public async Task A_guest_that_swaps_gives_beyond_what_it_can_spare_and_works_on_in_its_swap()
    {
        await using var guest = await LaunchAsync(
            "memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=50 dmm.zram=512M");
        await guest.PlugAsync(512);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(600));
        await guest.Load.HoldAsync(Mi(400), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(400));
        await guest.PlugAsync(128);
        await guest.UntilAsync("it has given what its load holds", s => s.Plugged < Mi(300));
        await guest.Load.ReportAsync(guest.Late);
        await guest.UntilGuestAsync("it holds in swap what it has no memory for", r => r.Held == Mi(400) && r.MemAvailable < Mi(200));
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
    }

    [Fact]
    public async Task A_driver_that_gave_up_is_woken_by_the_same_request()
    {
        await using var guest = await LaunchAsync("memhp_default_state=online_movable");
        await guest.PlugAsync(1024);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(1100));
        await guest.Load.HoldAsync(Mi(700), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(700));
        await guest.PlugAsync(384);
        var stopped = await guest.AtRestAsync(Rest);
        Assert.True(stopped.Plugged > Mi(400), $"{stopped}");

        await guest.Load.FreeAsync(guest.Late);
        await guest.UntilGuestAsync("the load is gone", r => r.Held.IsZero);
        var mark = guest.Mark();
        await guest.PlugAsync(384);

        // Without a new request the driver would try again after 50 s.
        await guest.UntilAsync("it goes on", s => s.Plugged < stopped.Plugged, TimeSpan.FromSeconds(25));
        await guest.UntilAsync("it has given all", s => s.Plugged == Mi(384));
        Assert.All(guest.SizesSince(mark), s => Assert.Equal(Mi(384), s.PluggedTarget));
    }

    [Fact]
    public async Task A_balloon_stops_at_what_is_in_use_and_goes_on_by_itself()
    {
        await using var guest = await LaunchAsync();
        await guest.PlugAsync(256);
        await guest.UntilGuestAsync("it has grown", r => r.MemTotal >= Mi(400));
        await guest.Load.HoldAsync(Mi(300), null, guest.Late);
        await guest.UntilGuestAsync("the load holds its memory", r => r.Held == Mi(300));
        await guest.BalloonAsync(224);
        await guest.UntilAsync("it has begun", s => s.Ballooned >= Mi(32));
        var stopped = await guest.AtRestAsync(Rest);
        Assert.True(stopped.Ballooned <= Mi(200), $"{stopped}");

        await guest.Load.FreeAsync(guest.Late);
        await guest.UntilAsync("it has gone on", s => s.Ballooned == Mi(224));
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
    }
}
