using Dmm.Core;
using Dmm.Core.Hosts;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>A peer's law decides instead of DMM's own, through the same ledger and state machine.</summary>
public sealed class LawStories(ITestOutputHelper output) : HostFixture(output)
{
    private void StartHost(string law, long memoryMiB) => StartHost(new HostSettings { Memory = MiB(memoryMiB), Law = law });

    private MemorySize Size(string name) => Guest(name).Sizes.Actual;

    private void Pass(double seconds)
    {
        for (var left = seconds; left > 0; left -= 0.1)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            Look();
        }
    }

    [Fact]
    public void Under_static_every_vm_holds_its_max_and_the_last_what_is_left()
    {
        StartHost("static", 2048);
        Create(Spec("one", 128, 256, 1024));
        UntilRuns("one");
        Until("one holds its max, though it is idle", _ => Size("one") == MiB(1024));

        // The second VM gets 2048 MiB less the overhead of both and less the first's 1024.
        Create(Spec("two", 128, 256, 1024));
        UntilRuns("two");
        Until("two holds what is left", s => Size("two") > MiB(900) && s.State.Ledger.Free < MiB(16));
        Assert.Equal(MiB(1024), Size("one"));
        Assert.True(Size("two") < MiB(1024));
    }

    [Fact]
    public void Under_mom_a_guest_in_need_is_not_heard_and_never_gets_more_than_it_booted_with()
    {
        StartHost("mom", 4096);
        Create(Spec("web", 128, 512, 2048));
        UntilRuns("web");
        Guest("web").Used = MiB(450);
        Pass(40);
        Assert.Equal(MiB(512), Size("web"));
    }

    [Fact]
    public void Under_mom_guests_of_a_full_host_give_5_percent_every_10_seconds()
    {
        // 1100 less 2 × 32 of overhead: 12 of 1036 are free. Pressure begins when that shows in the mean of the last looks.
        StartHost("mom", 1100);
        Create(Spec("a", 128, 512, 512));
        Create(Spec("b", 128, 512, 512));
        UntilRuns("a", "b");

        // 95 % of 512, in whole MiB; the next step comes with the next period, not before.
        Until("a first step", _ => Size("a") < MiB(512) && Size("b") < MiB(512));
        Pass(2);
        Assert.Equal((MiB(486), MiB(486)), (Size("a"), Size("b")));
        Pass(5);
        Assert.Equal((MiB(486), MiB(486)), (Size("a"), Size("b")));
        Until("a second step", _ => Size("a") < MiB(486), TimeSpan.FromSeconds(11));
        Pass(2);
        Assert.Equal(MiB(461), Size("a"));
    }

    [Fact]
    public void Under_proxmox_the_host_is_filled_to_80_percent_by_shares()
    {
        // Goal: 0.8 × 1036 − 1024 = −195.2. Above the mins 768 − 195.2 = 572.8 stay, 286.4 each: 414.4 in one round, since the step is
        // less than 100 MiB.
        StartHost("proxmox", 1100);
        Create(Spec("a", 128, 512, 512));
        Create(Spec("b", 128, 512, 512));
        UntilRuns("a", "b");
        Until("both have given", _ => Size("a") == MiB(414) && Size("b") == MiB(414), TimeSpan.FromSeconds(30));

        // Now it is within 10 MiB of its goal, and the law ignores a guest in need.
        Guest("a").Used = MiB(360);
        Pass(30);
        Assert.Equal((MiB(414), MiB(414)), (Size("a"), Size("b")));
    }

    [Fact]
    public void An_operators_size_stands_above_the_law()
    {
        StartHost("static", 4096);
        Create(Spec("web", 128, 256, 1024));
        UntilRuns("web");
        Until("it holds its max", _ => Size("web") == MiB(1024));
        Host.Tell(new HostProtocol.ResizeVm(VmId.Parse("web"), MiB(512)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Until("it is as the operator wants it", _ => Size("web") == MiB(512));
    }
}
