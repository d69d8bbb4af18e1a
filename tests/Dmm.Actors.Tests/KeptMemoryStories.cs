using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// A guest says that it gave memory, but its process keeps it: the host never got it back, so it is promised to nobody else.
/// </summary>
public sealed class KeptMemoryStories(ITestOutputHelper output) : WatchedHostFixture(output)
{
    private static readonly VmId A = VmId.Parse("a");

    /// <summary>Shrinks a VM in vain: it has 1024 MiB of 2048, all of it locked, and says that it has 256.</summary>
    private void ShrinksInVain(double keeps = 1, MemorySize? group = null)
    {
        StartWatched(2048, group: group);
        Create(Spec("a", 128, 1024, 1024));
        UntilForeseen("a");
        Guest("a").Keeps = keeps;
        Tell(new HostProtocol.ResizeVm(A, MiB(256)));
        Until("it says that it has 256 MiB", s => s.Reports[A] is { Phase: VmPhase.Settled } && Guest("a").Sizes.Actual <= MiB(260));
    }

    private void HostIsNotPromisedTwice()
    {
        var held = Hypervisor.Resident().Aggregate(MemorySize.Zero, static (sum, vm) => sum + vm.Value.Size);
        Assert.True(held <= World.Total, $"processes hold {held} of {World.Total}");
    }

    [Fact]
    public void What_the_host_never_got_back_is_claimed_said_and_promised_to_nobody()
    {
        ShrinksInVain();
        Assert.True(Look().State.Ledger.Free <= MiB(2048 - 100 - 1024), $"{Look().State.Ledger.Free} are free");
        Until("it is said", _ => EventKinds().Contains("keepsMemory"));
        Assert.Contains("it gives nothing back to the host: its process holds 768 MiB more", Notices().Single(h => h.Kind == "keepsMemory")
            .Text, StringComparison.Ordinal);

        // Only the rest of the host can be promised, however little VM a says that it has, and the refusal names a.
        var refused = Assert.IsType<HostProtocol.Refused>(Create(Spec("b", 1200, 1200, 1200), TimeSpan.FromMinutes(5)));
        Assert.Contains("a holds 768 MiB that it gave and the host did not get back", refused.Why, StringComparison.Ordinal);
        Create(Spec("c", 128, 700, 1800));
        UntilForeseen("c");
        Guest("c").Keeps = 1;
        Guest("c").Used = MiB(1700);
        for (var i = 0; i < 200; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            Look();
            HostIsNotPromisedTwice();
        }

        // Once its process gives the memory back, another VM gets it.
        Guest("a").Keeps = 0;
        Until("c has grown", _ => Guest("c").Sizes.Actual > MiB(1500));
        Assert.Contains("gaveBack", EventKinds());
        HostIsNotPromisedTwice();
    }

    [Fact]
    public void A_peer_that_grows_is_given_no_more_than_there_is()
    {
        StartWatched(2048);
        Create(Spec("a", 128, 1024, 1024));
        Create(Spec("b", 128, 256, 1800));
        UntilForeseen("a", "b");
        Guest("a").Keeps = 0.5;
        Guest("b").Keeps = 1;
        Guest("b").Used = MiB(1500);
        for (var i = 0; i < 400; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            Look();
            HostIsNotPromisedTwice();
        }

        // It was asked once, which showed that half of its memory never came; the host does not count on it any more.
        Look();
        Assert.Contains("keepsMemory", EventKinds());
        var (size, free) = (Guest("a").Sizes.Actual, Look().State.Ledger.Free);
        Go(TimeSpan.FromSeconds(20));
        Assert.Equal(size, Guest("a").Sizes.Actual);
        Assert.True(free < MiB(64), $"{free} are free, and b wants them");
    }

    [Fact]
    public void Under_the_limit_of_a_control_group_nobody_is_promised_what_stays_in_it()
    {
        ShrinksInVain(group: MiB(1900));
        Create(Spec("b", 128, 256, 1800));
        UntilForeseen("b");
        Guest("b").Keeps = 1;
        Guest("b").Used = MiB(1500);
        for (var i = 0; i < 400; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            Look();
            var held = Hypervisor.Resident().Aggregate(MemorySize.Zero, static (sum, vm) => sum + vm.Value.Size);
            Assert.True(held <= MiB(1900), $"processes hold {held} of the group's 1900 MiB: one of them is killed");
        }
    }

    [Fact]
    public void The_next_daemon_claims_it_before_it_promises_anything()
    {
        ShrinksInVain();
        RestartWatched();
        Until("it has looked", s => s.Outlook?.Sight is not null);
        Assert.True(Look().State.Ledger.Free <= MiB(2048 - 100 - 1024), $"{Look().State.Ledger.Free} are free");
    }

    [Fact]
    public void One_that_is_let_go_of_keeps_what_its_process_holds()
    {
        ShrinksInVain();
        var free = Look().State.Ledger.Free;
        Tell(new HostProtocol.ForgetVm(A));
        Assert.Equal(free, Look().State.Ledger.Free);
    }

    [Fact]
    public void That_a_process_can_not_be_looked_at_is_not_its_end()
    {
        StartWatched(1300);
        Create(Spec("a", 128, 512, 512));
        UntilRuns("a");
        var free = Look().State.Ledger.Free;
        World.Hidden.Add(A);
        Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(free, Look().State.Ledger.Free);
        Tell(new HostProtocol.ForgetVm(A));
        for (var i = 0; i < 100; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            Assert.Equal(free, Look().State.Ledger.Free);
        }

        Assert.DoesNotContain("letGoEnded", EventKinds());
        World.Hidden.Clear();
        Hypervisor.Kill(A);
        Until("its end is seen", _ => EventKinds().Contains("letGoEnded"));
    }
}
