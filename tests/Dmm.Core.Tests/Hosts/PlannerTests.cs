using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Hosts;

/// <summary>Tests the plan for given facts about VMs, above all for VMs of which little is known.</summary>
public sealed class PlannerTests
{
    private static readonly Moment Now = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly Clocks Clocks = new(Now, new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static VmId Id(string vm) => VmId.Parse(vm);

    private static Forecast Wants(string vm, long demand, TimeSpan age, bool urgent = false) =>
        new(Id(vm), MiB(demand), MiB(demand), MiB(demand), urgent, Now - age);

    /// <summary>Plans a host that is full of VMs of 500 MiB, min 100.</summary>
    private static ImmutableDictionary<VmId, MemorySize> Plan(string[] vms, params Forecast[] forecasts) => Plan(500, 500, vms, forecasts);

    /// <param name="each">The host's memory per VM.</param>
    /// <param name="actual">The actual memory of each VM.</param>
    private static ImmutableDictionary<VmId, MemorySize> Plan(long each, long actual, string[] vms, params Forecast[] forecasts)
    {
        var state = new HostState(new Ledger(MiB(vms.Length * each), MemorySize.Zero));
        var reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
        foreach (var vm in vms)
        {
            state = state.Apply(
                new VmAdopted(
                    Clocks.Wall, new(MiB(100), MiB(2000)), new(Id(vm), "simulation", MiB(500), "", null, null, null, false), MiB(each),
                    MemorySize.Zero), Clocks);
            state = state with { Ledger = state.Ledger.Observe(Id(vm), MiB(actual), MemorySize.Zero) };
            reports = reports.SetItem(
                Id(vm), new(Id(vm), VmPhase.Settled, null, new(MiB(actual), default, default, default, default),
                    new(MiB(each), MiB(actual), MiB(actual))));
        }

        var plan = HostPlanner.Next(
            state, reports, forecasts.ToImmutableDictionary(f => f.Vm), new Dictionary<VmId, Told>(),
            new() { Memory = state.Ledger.HostMemory }, new Arbiter(),
            tick: true, now: Now);
        return plan.Allotments.ToImmutableDictionary(a => a.Vm, a => a.Target);
    }

    /// <summary>Found by the simulation (seed 210049): both VMs were almost at their targets, and nothing was ever granted again.</summary>
    [Fact]
    public void Where_vms_at_rest_a_little_above_their_targets_are_too_much_they_are_asked_for_a_little_more()
    {
        var plan = Plan(480, 481, ["a", "b"], Wants("a", 700, TimeSpan.Zero), Wants("b", 700, TimeSpan.Zero));
        Assert.True(plan.Values.Aggregate(MiB(2) + MiB(2), (sum, target) => sum + target) <= MiB(960), string.Join(", ", plan));
    }

    /// <summary>A min is owed, not only left alone.</summary>
    [Fact]
    public void A_vm_below_its_min_gets_it_whatever_it_uses()
    {
        var host = new HostUnderTest();
        host.Run(HostUnderTest.Spec("a", min: 128, boot: 512));
        host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(200)));
        host.Report("a", 200);
        host.Say(new HostProtocol.ResizeVm(Id("a"), null));
        host.Say(new HostProtocol.SetPolicy(Id("a"), MiB(400), null, null));
        Assert.Equal(new Promise(MiB(400), MiB(400)), host.Host.State.Vms[Id("a")].Promise);
    }

    /// <summary>Growth of others must not take what a guest that boots anew already has.</summary>
    [Fact]
    public void After_a_reset_the_promise_rises_to_what_the_vm_has()
    {
        var host = new HostUnderTest();
        host.Run(HostUnderTest.Spec("a", min: 128, boot: 512));
        host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(200)));
        host.Report("a", 200);
        host.Say(new HostProtocol.ResizeVm(Id("a"), null));
        host.Report("a", 512, VmPhase.Booting, and: report => report with { Reboots = true });
        Assert.Equal(MiB(512), host.Host.State.Vms[Id("a")].Promise.Granted);
    }

    /// <summary>Huge pages go back to their pool: a peer that waits for them waits for ever.</summary>
    [Theory]
    [InlineData(true, 800)]
    [InlineData(false, 304)]
    public void What_a_vm_of_huge_pages_has_is_not_counted_on_plugged_memory_included(bool huge, long target)
    {
        var host = new HostUnderTest(memoryMiB: 1024);
        host.Run(HostUnderTest.Spec("a", min: 128, boot: 128, max: 1024), pid: 100);
        host.Run(HostUnderTest.Spec("b", min: 128, boot: 128, max: 1024), pid: 101);
        host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(800)));
        VmProtocol.Report Huge(VmProtocol.Report report) =>
            report with { Capabilities = report.Capabilities! with { Keeps = huge ? "huge pages" : null, KeepsPlugged = huge } };
        host.Report("a", 800, and: Huge);
        host.Say(new HostProtocol.ResizeVm(Id("a"), null));
        var now = host.Now.Now;
        host.Say(new PredictorProtocol.Forecasts(
            [new(Id("a"), MiB(200), MiB(200), MiB(200), false, now), new(Id("b"), MiB(720), MiB(720), MiB(720), false, now)], Tick: true));
        host.Report("a", 800, and: Huge);
        Assert.Equal(MiB(target), host.Host.State.Vms[Id("a")].Promise.Target);
    }

    [Fact]
    public void A_guest_of_which_nobody_says_anything_stays_as_it_is_even_where_there_is_too_little_for_all()
    {
        var plan = Plan(["hungry", "thin", "mute"], Wants("hungry", 2000, TimeSpan.Zero), Wants("thin", 480, TimeSpan.Zero));
        Assert.Equal(MiB(500), plan[Id("mute")]);
        Assert.True(plan[Id("thin")] < MiB(500));
        Assert.True(plan[Id("hungry")] > MiB(500));
    }

    [Fact]
    public void What_was_foreseen_long_ago_counts_as_nothing()
    {
        var plan = Plan(["hungry", "silent"], Wants("hungry", 900, TimeSpan.Zero), Wants("silent", 100, TimeSpan.FromMinutes(4)));
        Assert.Equal(MiB(500), plan[Id("silent")]);
        Assert.Equal(
            MiB(100),
            Plan(["hungry", "idle"], Wants("hungry", 900, TimeSpan.Zero), Wants("idle", 100, TimeSpan.FromMinutes(2)))[Id("idle")]);
    }

    [Fact]
    public void A_call_that_is_not_repeated_is_no_need_any_more()
    {
        Assert.True(HostPlanner.Fresh(Wants("a", 900, TimeSpan.FromSeconds(5), urgent: true), Now)!.Urgent);
        var later = HostPlanner.Fresh(Wants("a", 900, TimeSpan.FromSeconds(15), urgent: true), Now)!;
        Assert.Equal((false, MiB(900)), (later.Urgent, later.Demand));
        Assert.Null(HostPlanner.Fresh(later, Now + TimeSpan.FromMinutes(3)));
    }
}
