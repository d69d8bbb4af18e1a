using Dmm.Core;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Hypervisors.Tests.Simulation;

/// <summary>
/// Tests that each kind of misbehaviour of a simulated guest is as described: a simulation is worth no more than its guests.
/// </summary>
public sealed class SimulatedGuestTests
{
    private static readonly SimulationSettings Settings = new() { Directory = "unused" };

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static SimulatedGuest Guest(GuestTemper temper, ulong seed = 1) =>
        new(MiB(512), Settings, seed) { Temper = temper, Used = MiB(50) };

    private static void Wait(SimulatedGuest guest, double seconds)
    {
        for (var i = 0; i < seconds * 10; i++)
            guest.Advance(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public void An_ideal_guest_does_as_it_is_told_and_never_gives_what_it_uses()
    {
        var guest = Guest(GuestTemper.Ideal);
        guest.AskPlugged(MiB(1024));
        Wait(guest, 2);
        Assert.Equal(MiB(1536), guest.Held);
        guest.Used = MiB(1000);
        guest.AskPlugged(MiB(0));
        guest.AskBallooned(MiB(512));
        Wait(guest, 10);
        Assert.True(guest.Available < SimulatedGuest.Block, $"{guest.Available} are left");
        Assert.True(guest.Held > MiB(1000));
    }

    [Fact]
    public void A_slow_guest_arrives_late()
    {
        var (ideal, slow) = (Guest(GuestTemper.Ideal), Guest(GuestTemper.Slow));
        foreach (var guest in new[] { ideal, slow })
        {
            guest.AskPlugged(MiB(2048));
            Wait(guest, 1);
        }

        Assert.Equal(MiB(2048), ideal.Plugged);
        Assert.True(slow.Plugged > MiB(0) && slow.Plugged < MiB(200), $"{slow.Plugged}");
        Wait(slow, 60);
        Assert.Equal(MiB(2048), slow.Plugged);
    }

    [Fact]
    public void A_guest_with_a_floor_stops_there()
    {
        var guest = Guest(GuestTemper.StopsAtFloor);
        guest.Floor = MiB(400);
        guest.AskBallooned(MiB(300));
        Wait(guest, 10);
        Assert.Equal(MiB(400), guest.Held);
    }

    [Fact]
    public void A_guest_that_refuses_shows_the_size_and_falls_back_and_its_own_total_never_follows()
    {
        var guest = Guest(GuestTemper.RefusesAbove);
        guest.Limit = MiB(768);
        guest.AskPlugged(MiB(1024));
        Wait(guest, 0.3);
        Assert.True(guest.Plugged > MiB(256), $"{guest.Plugged}");
        Assert.Equal(MiB(768 - 16), guest.MemTotal);
        Wait(guest, 1);
        Assert.Equal(MiB(256), guest.Plugged);
        Wait(guest, 20);
        Assert.Equal(MiB(256), guest.Plugged);
    }

    [Fact]
    public void A_guest_that_grows_by_itself_holds_more_than_its_balloon_was_told_until_it_is_asked_again()
    {
        var guest = Guest(GuestTemper.GrowsByItself);
        guest.AskBallooned(MiB(200));
        Wait(guest, 20);
        Assert.True(guest.Ballooned < guest.BalloonedTarget);
        guest.Temper = GuestTemper.Ideal;
        Wait(guest, 1);
        Assert.Equal(MiB(200), guest.Ballooned);
    }

    [Fact]
    public void A_guest_that_forgets_hears_when_it_is_asked_often_enough()
    {
        var guest = Guest(GuestTemper.Forgets);
        var asked = 0;
        for (; guest.Plugged < MiB(64) && asked < 100; asked++)
        {
            guest.AskPlugged(MiB(64));
            Wait(guest, 1);
        }

        Assert.InRange(asked, 1, 20);
        Assert.Contains(Enumerable.Range(0, 20), seed =>
        {
            var other = Guest(GuestTemper.Forgets, (ulong)seed);
            other.AskPlugged(MiB(64));
            Wait(other, 5);
            return other.Plugged.IsZero;
        });
    }

    [Fact]
    public void A_guest_that_lies_about_its_balloon_holds_more_than_its_sizes_say()
    {
        var guest = Guest(GuestTemper.LiesAboutBalloon);
        guest.AskBallooned(MiB(200));
        Wait(guest, 5);
        Assert.Equal(MiB(312), guest.Sizes.Actual);
        Assert.Equal(MiB(512), guest.Held);
    }

    [Fact]
    public void A_guest_that_comes_back_has_all_that_it_booted_with_and_then_does_what_its_devices_were_told()
    {
        var guest = Guest(GuestTemper.Ideal);
        guest.AskPlugged(MiB(64));
        guest.AskBallooned(MiB(200));
        Wait(guest, 5);
        guest.Reboot(TimeSpan.FromSeconds(10));
        Assert.Equal(MiB(512), guest.Held);
        // Its balloon is empty, and what is shown of it stands until its driver moves it.
        Assert.Equal((MiB(200), true), (guest.Sizes.Ballooned, guest.FigureStands));
        Wait(guest, 5);
        Assert.Equal((MiB(512), true), (guest.Held, guest.Boots));
        Wait(guest, 10);
        Assert.Equal((MiB(512 + 64 - 200), false), (guest.Held, guest.FigureStands));
        Assert.Equal(guest.Held, guest.Sizes.Actual);
    }

    [Fact]
    public void The_same_seed_is_the_same_guest()
    {
        static string Life(ulong seed)
        {
            var guest = Guest(GuestTemper.LiesAboutUse, seed);
            return string.Join(' ', Enumerable.Range(0, 30).Select(_ => guest.Sample(default).MemAvailable));
        }

        Assert.Equal(Life(7), Life(7));
        Assert.NotEqual(Life(7), Life(8));
    }
}
