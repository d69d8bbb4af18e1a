using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Explaining;

/// <summary>Each cause that can hold back a VM's memory is explained from the plan that did so, made by the real planner.</summary>
public sealed class HoldsTests
{
    private static readonly Moment Now = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly DateTimeOffset Wall = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Clocks Clocks = new(Now, Wall);
    private static readonly VmId Vm = VmId.Parse("vm");

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    /// <summary>
    /// Returns the holds of a VM of 500 MiB, min 100, max 2000, alone on a host of 1000, that wants <paramref name="demand"/>; the other
    /// arguments change this.
    /// </summary>
    private static ImmutableArray<Hold> Of(
        long demand = 500, long host = 1000, long cushion = 0, long min = 100, long? limit = null, long? most = null, long past = 0,
        long? granted = null, VmPhase phase = VmPhase.Settled,
        bool reported = true, bool foreseen = true, bool gathering = false)
    {
        var held = MiB(500);
        var state = new HostState(new Ledger(MiB(host), MemorySize.Zero));
        state = state.Apply(
            new VmAdopted(
                Wall, new(MiB(min), MiB(2000)), new(Vm, "simulation", held, "", null, null, null, false), MiB(granted ?? 500),
                MemorySize.Zero), Clocks);
        state = state with { Ledger = state.Ledger.Observe(Vm, held, MemorySize.Zero) };
        if (gathering)
            state = state.Apply(
                new VmRequested(
                    Wall, new() { Id = VmId.Parse("coming"), Policy = new(MiB(100), MiB(900)), Boot = MiB(900) }, MemorySize.Zero,
                    Wall.AddMinutes(1)), Clocks)
                .Apply(new AdmissionPlanned(Wall, VmId.Parse("coming"), new(MiB(900), [], TimeSpan.Zero, false), false), Clocks);
        var reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
        if (reported)
        {
            reports = reports.Add(
                Vm, new(Vm, phase, phase == VmPhase.Settled ? null : "a reason", new(held, default, default, default, default),
                    new(held, held, held))
                {
                    Cost = new(MemorySize.Zero, held, limit is { } l ? MiB(l) : null),
                    Most = most is { } m ? MiB(m) : null,
                    Warnings = ["boot it otherwise"],
                });
        }

        var forecasts = ImmutableDictionary<VmId, Forecast>.Empty;
        if (foreseen)
            forecasts = forecasts.Add(Vm, new(Vm, MiB(demand), MiB(demand), MiB(Math.Max(past, demand)), false, Now));
        var settings = new HostSettings { Memory = MiB(host), Cushion = MiB(cushion) };
        var plan = HostPlanner.Next(state, reports, forecasts, new Dictionary<VmId, Told>(), settings, new Arbiter(), tick: true, now: Now);
        if (!plan.Changes.IsEmpty)
            state = state.Apply(new PromisesChanged(Wall, plan.Changes), Clocks);
        var planned = new Planned(
            Clocks, true, plan, state, reports, forecasts, ImmutableSortedDictionary<VmId, Moment>.Empty, settings);
        return Holds.Of(new(planned, state.Vms[Vm], plan.Bids[0], plan.Allotments[0], plan.Waits.FirstOrDefault(w => w.Vm == Vm)));
    }

    private static (HoldKind, long)[] Kinds(ImmutableArray<Hold> holds) => [.. holds.Select(h => (h.Kind, h.Size.Bytes >> 20))];

    [Fact]
    public void A_vm_that_has_what_it_wants_is_held_back_by_nothing() => Assert.Empty(Of(demand: 500));

    [Fact]
    public void A_vm_that_grows_as_it_wants_is_held_back_by_nothing() => Assert.Empty(Of(demand: 800));

    [Fact]
    public void Ordinary_growth_is_held_back_by_the_cushion() =>
        Assert.Equal([(HoldKind.Cushion, 100)], Kinds(Of(demand: 800, cushion: 300)));

    [Fact]
    public void What_the_host_does_not_have_is_a_shortage() =>
        Assert.Contains((HoldKind.Shortage, 500), Kinds(Of(demand: 1504, host: 1004)));

    [Fact]
    public void A_change_too_small_to_be_worth_it_is_named() => Assert.Equal([(HoldKind.DeadBand, 10)], Kinds(Of(demand: 510)));

    [Fact]
    public void Its_max_its_control_group_and_its_reach_are_told_apart()
    {
        Assert.Contains((HoldKind.Max, 2000), Kinds(Of(demand: 2400, host: 4000)));
        Assert.Contains((HoldKind.ControlGroup, 700), Kinds(Of(demand: 900, host: 4000, limit: 700)));
        var reach = Assert.Single(Of(demand: 900, host: 4000, most: 600));
        Assert.Equal((HoldKind.Reach, MiB(600), "boot it otherwise"), (reach.Kind, reach.Size, reach.Word));
    }

    [Fact]
    public void Its_min_is_named_where_it_holds_memory_that_is_not_wanted() =>
        Assert.Contains((HoldKind.Min, 450), Kinds(Of(demand: 100, host: 450, min: 450)));

    [Fact]
    public void In_a_deficit_nothing_is_granted() =>
        Assert.Contains(Of(demand: 700, host: 400, min: 600), h => h.Kind == HoldKind.Deficit && h.Size == MiB(100));

    [Fact]
    public void What_was_used_lately_is_given_slowly()
    {
        var holds = Of(demand: 200, host: 300, past: 500);
        Assert.Contains(holds, h => h.Kind == HoldKind.Slowly);
        Assert.Contains(holds, h => h.Kind == HoldKind.Unconfirmed && h.Size == MiB(500 - 448));
    }

    [Fact]
    public void A_vm_that_is_not_heard_of_or_foreseen_says_so()
    {
        Assert.Equal([(HoldKind.Unheard, 0)], Kinds(Of(reported: false)));
        Assert.Equal([(HoldKind.Unforeseen, 0)], Kinds(Of(foreseen: false)));
    }

    [Theory]
    [InlineData(VmPhase.Stuck, HoldKind.Stuck)]
    [InlineData(VmPhase.Uncooperative, HoldKind.Uncooperative)]
    [InlineData(VmPhase.Lost, HoldKind.Lost)]
    [InlineData(VmPhase.Booting, HoldKind.Booting)]
    public void A_vm_in_trouble_says_so_with_its_reason(VmPhase phase, HoldKind kind) =>
        Assert.Equal((kind, "a reason"), (Of(phase: phase)[0].Kind, Of(phase: phase)[0].Word));

    [Fact]
    public void Who_waits_while_memory_is_gathered_for_a_vm_to_come_hears_of_that()
    {
        var holds = Of(demand: 950, host: 1600, gathering: true);
        Assert.Contains(holds, h => h.Kind == HoldKind.Gathering && h.Word == "coming");
    }
}
