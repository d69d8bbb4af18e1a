using Dmm.Core.Admission;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Admission.Requests;

namespace Dmm.Core.Tests.Admission;

public sealed class ShrinkHistoryTests
{
    [Fact]
    public void A_rate_is_learnt_from_what_a_VM_gave_and_how_long_that_took()
    {
        Assert.InRange(Moved(100, 10).Rate.Mebibytes, 9.9, 12);
        Assert.InRange(Moved(2000, 1).Rate.Mebibytes, 1900, 2000);
    }

    [Fact]
    public void Who_gives_what_it_is_asked_for_is_trusted_more_each_time() =>
        Assert.True(new ShrinkHistory().Trust < Moved(100, 1, times: 1).Trust && Moved(100, 1, times: 1).Trust < Moved(100, 1).Trust);

    [Fact]
    public void Who_was_stuck_is_counted_on_less_and_wins_trust_back_by_moving()
    {
        var mover = Stuck(1);
        Assert.Equal(ShrinkHistory.UnknownTrust / 2, mover.Trust, 3);
        mover = mover.Observe(MiB(500), MiB(500), VmPhase.Settled, Noon + TimeSpan.FromSeconds(9));
        Assert.True(mover.Trust > 0.55);
    }

    [Fact]
    public void A_shrink_that_crawls_is_seen_before_it_ends()
    {
        var mover = new ShrinkHistory().Observe(MiB(1000), MiB(500), VmPhase.Shrinking, Noon)
            .Observe(MiB(990), MiB(500), VmPhase.Shrinking, Noon + TimeSpan.FromSeconds(10));
        Assert.Equal(1.0, mover.Pace.Mebibytes, 3);
        Assert.InRange(mover.TimeFor(MiB(490)).TotalSeconds, 480, 500);
    }

    [Fact]
    public void Small_change_says_nothing_of_a_rate()
    {
        var mover = new ShrinkHistory().Observe(MiB(1008), MiB(1000), VmPhase.Shrinking, Noon)
            .Observe(MiB(1000), MiB(1000), VmPhase.Settled, Noon + TimeSpan.FromSeconds(60));
        Assert.Equal((ShrinkHistory.UnknownRate, ShrinkHistory.UnknownTrust), (mover.Rate, mover.Trust));
    }
}
