using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Explaining;

/// <summary>Tests that decisions are remembered, and that the log is bounded.</summary>
public sealed class DecisionLogTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static Clocks At(double second) => new(Moment.Origin + TimeSpan.FromSeconds(second), Start.AddSeconds(second));

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static VmId Id(int i) => VmId.Parse($"vm-{i}");

    /// <summary>A plan that gives each VM its target; every change since the plan before is granted.</summary>
    private static Planned Plan(double second, long[] targets, long[]? before = null, bool tick = true)
    {
        var state = new HostState(new Ledger(MiB(1_000_000), MemorySize.Zero));
        var (bids, plan, changes) = (new List<Bid>(), new List<Allotment>(), ImmutableArray.CreateBuilder<PromiseChange>());
        for (var i = 0; i < targets.Length; i++)
        {
            if (targets[i] == 0)
                continue;
            var (target, policy) = (MiB(targets[i]), new VmPolicy(MiB(64), MiB(8192)));
            state = state.Apply(
                new VmAdopted(Start, policy, new(Id(i), "simulation", MiB(256), "", null, null, null, false), target, MemorySize.Zero),
                At(0));
            bids.Add(new(Id(i), policy.Min, policy.Max, policy.Shares, target, target, target, false, true));
            plan.Add(new(Id(i), target, Ruling.Keep, false));
            if (before is not null && before[i] != targets[i])
                changes.Add(new(Id(i), target, target, false, Ruling.Demand) { Was = MiB(before[i]) });
        }

        return new(
            At(second), tick, new(changes.ToImmutable(), [], bids, plan, null, null), state,
            ImmutableDictionary<VmId, VmProtocol.Report>.Empty,
            ImmutableDictionary<VmId, Forecast>.Empty, ImmutableSortedDictionary<VmId, Moment>.Empty, new() { Memory = MiB(1_000_000) });
    }

    [Fact]
    public void A_vm_at_rest_costs_nothing()
    {
        var log = new DecisionLog(ExplainKeep.Default);
        for (var i = 0; i < 3600; i++)
            log.Take(Plan(i, [512]));
        Assert.Equal(1, log.Count);
        // The explanation is still as of now.
        Assert.Equal(At(3599), log.Explain(Id(0), null, At(3600)).Decision!.At);
    }

    [Fact]
    public void A_thousand_vms_that_never_rest_stay_within_the_bound()
    {
        var log = new DecisionLog(new(TimeSpan.FromDays(1), 20_000));
        var targets = Enumerable.Repeat(512L, 1_000).ToArray();
        for (var i = 0; i < 60; i++)
        {
            var next = targets.Select(t => t + 64).ToArray();
            log.Take(Plan(i, next, targets));
            targets = next;
            Assert.True(log.Count <= 20_000, $"{log.Count}");
        }

        Assert.True(log.Count > 10_000, $"{log.Count} of 20,000 is little");
        Assert.Equal(MiB(512 + (60 * 64)), log.Explain(Id(7), null, At(60)).Decision!.Promise.Granted);
    }

    [Fact]
    public void A_vm_that_never_rests_takes_nothing_from_one_that_does()
    {
        var log = new DecisionLog(new(TimeSpan.FromDays(1), 100));
        log.Take(Plan(0, [512, 512]));
        for (var i = 1; i < 500; i++)
            log.Take(Plan(i, [512, 512 + i], [512, 511 + i]));
        Assert.Equal(MiB(512), log.Explain(Id(0), Start.AddSeconds(1), At(500)).Decision!.Promise.Granted);
        Assert.Null(log.Explain(Id(1), Start.AddSeconds(1), At(500)).Decision);
        Assert.True(log.Count <= 100);
    }

    [Fact]
    public void Many_vms_that_come_later_make_the_first_forget()
    {
        var log = new DecisionLog(new(TimeSpan.FromDays(1), 1_000));
        for (var i = 1; i < 800; i++)
            log.Take(Plan(i, [512 + i], [511 + i]));
        log.Take(Plan(800, Enumerable.Repeat(512L, 100).ToArray()));
        Assert.True(log.Count <= 1_000, $"{log.Count}");
    }

    [Fact]
    public void What_is_too_old_goes_but_the_last_before_still_tells_how_things_stood()
    {
        var log = new DecisionLog(new(TimeSpan.FromHours(1), 1_000));
        log.Take(Plan(0, [100]));
        log.Take(Plan(1_000, [200], [100]));
        log.Take(Plan(2_000, [300], [200]));
        log.Take(Plan(1_500 + 3_600, [300]));
        var now = At(1_500 + 3_600);
        Assert.Equal(2, log.Count);
        Assert.Null(log.Explain(Id(0), Start.AddSeconds(500), now).Decision);
        Assert.Equal(MiB(200), log.Explain(Id(0), Start.AddSeconds(1_600), now).Decision!.Promise.Granted);
    }

    [Fact]
    public void Of_vms_that_are_gone_no_more_than_a_hundred_are_remembered_and_none_for_longer_than_the_rest()
    {
        var log = new DecisionLog(new(TimeSpan.FromHours(1), 100_000));
        log.Take(Plan(0, Enumerable.Repeat(512L, 300).ToArray()));
        log.Take(Plan(1, [512]));
        Assert.Equal(1 + DecisionLog.Gone, log.Count);
        log.Take(Plan(2 + 3_600, [512]));
        Assert.Equal(1, log.Count);
    }

    [Fact]
    public void Another_vm_of_the_same_name_has_a_history_of_its_own()
    {
        var log = new DecisionLog(ExplainKeep.Default);
        log.Take(Plan(0, [512, 512]));
        log.Take(Plan(1, [512]));
        log.Take(Plan(2, [512, 1024]));
        Assert.Null(log.Explain(Id(1), Start, At(2)).Decision);
        Assert.Equal(At(2), log.Explain(Id(1), null, At(2)).Since);
    }

    [Fact]
    public void What_changed_hands_is_summed_up_over_ten_minutes_by_peer()
    {
        var log = new DecisionLog(ExplainKeep.Default);
        log.Take(Plan(0, [1000, 500, 500]));
        log.Take(Plan(10, [900, 600, 500], [1000, 500, 500]));
        log.Take(Plan(700, [700, 800, 500], [900, 600, 500]));
        log.Take(Plan(710, [700, 850, 480], [700, 800, 500]));
        var got = log.Explain(Id(1), null, At(720)).Got!;
        Assert.Equal(MiB(250), got.Total);
        Assert.Equal([new Share(Id(0), MiB(200)), new Share(null, MiB(30)), new Share(Id(2), MiB(20))], got.Shares.ToArray());
        Assert.Equal(At(710), got.Last);
        Assert.Equal(MiB(200), log.Explain(Id(0), null, At(720)).Gave!.Total);
    }

    [Fact]
    public void A_plan_between_two_ticks_is_looked_at_for_those_whom_it_changed()
    {
        var log = new DecisionLog(ExplainKeep.Default);
        log.Take(Plan(0, [500, 500]));
        log.Take(Plan(0.5, [600, 500], [500, 500], tick: false));
        Assert.Equal(At(0.5), log.Explain(Id(0), null, At(1)).Decision!.At);
        Assert.Equal(At(0), log.Explain(Id(1), null, At(1)).Decision!.At);
    }

    [Fact]
    public void Each_reason_has_words()
    {
        foreach (var kind in Enum.GetValues<HoldKind>())
            Assert.False(
                string.IsNullOrEmpty(ExplanationText.HoldOf(new(kind, MiB(64), "why") { Since = At(0).Now }, At(3).Now)), $"{kind}");
    }

    [Theory]
    [InlineData(0.42, "0.4 s")]
    [InlineData(-5, "0.0 s")]
    [InlineData(119, "119 s")]
    [InlineData(600, "10 min")]
    [InlineData(86_400, "24 h")]
    [InlineData(864_000, "10 d")]
    public void Ages_are_told_in_units_that_tell_enough(double seconds, string text) =>
        Assert.Equal(text, ExplanationText.Age(TimeSpan.FromSeconds(seconds)));
}
