using System.Collections.Concurrent;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// The world breaks the invariant in each possible way: DMM reports that with its cause, grants nothing, and recovers in good order.
/// </summary>
public sealed class WorldStories(ITestOutputHelper output) : WatchedHostFixture(output)
{
    private static readonly VmId A = VmId.Parse("a");
    private static readonly VmId B = VmId.Parse("b");

    private string Deficit() => Assert.Single(Notices(), h => h.Kind == "deficit").Text;

    private HostProtocol.Status UntilFits(Dictionary<VmId, MemorySize> before) => Until("claims fit again", s =>
    {
        foreach (var (vm, claim) in s.State.Ledger.Claims)
        {
            Assert.True(s.State.Ledger.Deficit.IsZero || claim.Size <= before[vm], $"{vm} was given memory in a deficit");
            before[vm] = claim.Size;
        }

        return s.State.Ledger.Deficit.IsZero;
    });

    private static Dictionary<VmId, MemorySize> Claims(HostProtocol.Status status) =>
        status.State.Ledger.Claims.ToDictionary(c => c.Key, c => c.Value.Size);

    [Fact]
    public void Other_processes_that_stay_within_the_reserve_change_nothing()
    {
        StartWatched(2048, reserve: 300);
        Create(Spec("a", 128, 512, 1024));
        UntilRuns("a");
        World.OthersHold = MiB(200);
        Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(MiB(2048), Look().State.Ledger.HostMemory);
        Assert.DoesNotContain("hostMemory", EventKinds());
    }

    [Fact]
    public void When_other_processes_grow_the_vms_shrink_by_the_plan_slack_first_and_nothing_is_granted_meanwhile()
    {
        StartWatched(1300);
        Create(Spec("a", 128, 512, 1024));
        Create(Spec("b", 128, 512, 1024));
        UntilRuns("a", "b");
        Guest("a").Used = MiB(380);
        Until("a holds what it needs", _ => Guest("a").Available > MiB(70));

        WorldMayBreakIt = true;
        World.OthersHold = MiB(400);
        var status = Until("it is seen", s => !s.State.Ledger.Deficit.IsZero);
        var before = Claims(status);
        Assert.Contains(
            "DMM can count on 896 MiB instead of dmm.host.memory 1.27 GiB, since programs other than its VMs hold 400 MiB of "
                + "the host's memory, and dmm.host.reserve is 100 MiB", Deficit());
        Assert.Contains(status.Problems, p => p.Contains("Nothing is granted until they fit again", StringComparison.Ordinal));
        status = UntilFits(before);

        Assert.Contains("deficitOver", EventKinds());
        Assert.True(status.State.Ledger.HostMemory <= MiB(900));
        Assert.True(Guest("a").Available > MiB(30), $"a, which used its memory, was left {Guest("a").Available}");
        Assert.True(Guest("b").Sizes.Actual < MiB(512) && Guest("b").Sizes.Actual >= MiB(128));
    }

    [Fact]
    public void Memory_that_comes_back_is_counted_on_when_it_has_stayed()
    {
        StartWatched(1300);
        World.OthersHold = MiB(600);
        Until("it is seen", s => s.State.Ledger.HostMemory < MiB(900));
        World.OthersHold = MiB(0);
        for (var second = 0; second < 25; second++)
        {
            Clock.Advance(TimeSpan.FromSeconds(1));
            Assert.True(Look().State.Ledger.HostMemory < MiB(900), "what came back was counted on at once");
        }

        Until("it is counted on again", s => s.State.Ledger.HostMemory == MiB(1300), TimeSpan.FromSeconds(15));
        Assert.Equal(2, EventKinds().Count(k => k == "hostMemory"));
    }

    [Fact]
    public void A_host_that_loses_memory_takes_the_ledger_with_it_but_no_vm_below_its_min()
    {
        StartWatched(1400);
        Create(Spec("a", 400, 512, 1024));
        Create(Spec("b", 400, 512, 1024));
        UntilRuns("a", "b");
        WorldMayBreakIt = true;
        World.Total = MiB(900);
        Until("it is seen", s => !s.State.Ledger.Deficit.IsZero);
        Assert.Contains("DMM can count on ", Deficit());
        Until("both are at their mins", s => s.State.Vms.Values.All(vm => vm.Promise.Granted == MiB(400)));
        for (var i = 0; i < 100; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            Look();
            Assert.True(Guest("a").Sizes.Actual >= MiB(400) && Guest("b").Sizes.Actual >= MiB(400));
        }

        // Mins are guaranteed: the deficit that remains beyond them stays, and is reported.
        Assert.False(Look().State.Ledger.Deficit.IsZero);
        Assert.IsType<HostProtocol.Refused>(Create(Spec("c", 64, 64, 64)));
    }

    [Fact]
    public void A_guest_that_takes_its_balloon_back_by_itself_is_a_deficit_that_its_peers_make_good()
    {
        StartWatched(1000);
        Create(Spec("a", 128, 512, 512));
        Create(Spec("b", 128, 256, 512));
        UntilRuns("a", "b");
        Host.Tell(new HostProtocol.ResizeVm(A, MiB(256)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Until("a has given", s => s.State.Vms[A].Promise.Granted == MiB(256));
        Host.Tell(new HostProtocol.ResizeVm(B, MiB(512)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        var before = Claims(Until("b has it", _ => Guest("b").Sizes.Actual == MiB(512)));

        WorldMayBreakIt = true;
        Guest("a").DeflateOnOom(MiB(200));
        Guest("a").Temper = GuestTemper.Stubborn;
        Until("it is seen", s => !s.State.Ledger.Deficit.IsZero);
        Assert.Contains("a holds 200 MiB more than it was granted", Deficit());
        before[A] += MiB(200);
        UntilFits(before);
        Assert.True(Guest("b").Sizes.Actual < MiB(512));
        Assert.True(Guest("b").Sizes.Actual >= MiB(128));
    }

    [Fact]
    public void An_operator_who_resizes_by_hand_is_told_so_and_what_there_is_not_is_taken_back()
    {
        StartWatched(1000);
        Create(Spec("a", 128, 256, 1024));
        Create(Spec("b", 128, 512, 512));
        UntilRuns("a", "b");
        WorldMayBreakIt = true;
        Guest("a").AskPlugged(MiB(300));
        Guest("a").Arrive();
        Until("it is seen", s => !s.State.Ledger.Deficit.IsZero);
        Assert.Contains("more than it was granted", Deficit());
        Until("it gives back what there is not", s => s.State.Ledger.Deficit.IsZero && s.Reports[A].Phase == VmPhase.Settled);
        var claim = Look().State.Ledger.Claims[A];
        Assert.True(claim.Actual < MiB(500), $"it kept {claim.Actual}");
        Assert.True(claim.Actual <= claim.Granted, "what it may keep is promised to it");
    }

    [Fact]
    public void A_peer_that_gives_nothing_is_not_counted_on_in_a_deficit()
    {
        StartWatched(1300);
        Create(Spec("a", 128, 512, 1024));
        Create(Spec("b", 128, 512, 1024));
        UntilRuns("a", "b");
        Guest("a").Temper = GuestTemper.Stubborn;
        Host.Tell(new HostProtocol.ResizeVm(A, MiB(256)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Until("a is uncooperative", s => s.Reports[A].Phase == VmPhase.Uncooperative, TimeSpan.FromMinutes(3));
        var before = Claims(Look());
        WorldMayBreakIt = true;
        World.OthersHold = MiB(400);
        Until("it is seen", s => !s.State.Ledger.Deficit.IsZero);
        UntilFits(before);
        Assert.Equal(MiB(512), Guest("a").Sizes.Actual);
        Assert.True(Guest("b").Sizes.Actual < MiB(400));
    }

    [Fact]
    public void A_limit_of_the_common_control_group_bounds_all_vms_together()
    {
        StartWatched(4000, group: MiB(1000));
        Create(Spec("a", 128, 512, 3000));
        UntilRuns("a");
        Guest("a").Used = MiB(2000);
        for (var i = 0; i < 100; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            Look();
            Assert.True(Guest("a").Sizes.Actual + MiB(32) <= MiB(1000), "the group's limit was overrun");
        }

        Assert.Contains("control group /simulated", Look().Outlook!.Why);
    }

    [Fact]
    public void A_vm_whose_own_control_group_is_limited_is_given_no_more_and_that_is_said()
    {
        var limited = new LimitedHypervisor(Hypervisor) { Limits = { [A] = MiB(700) } };
        StartWatched(4000, hypervisor: limited);
        Create(Spec("a", 128, 512, 3000));
        UntilRuns("a");
        Until("its cost is known", s => s.Reports[A].Cost is not null);
        Guest("a").Used = MiB(600);
        Until("it has grown", _ => Guest("a").Sizes.Actual > MiB(600));
        for (var i = 0; i < 50; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            Look();
            Assert.True(Guest("a").Sizes.Actual + MiB(32) <= MiB(700), "it would have been killed");
        }

        Assert.Contains(
            Notices(), h => h.Kind == "granted" && h.Text.Contains("as much as its control group allows", StringComparison.Ordinal));
    }

    [Fact]
    public void Under_pressure_the_cushion_grows_and_is_filled_from_slack_and_when_calm_it_goes_back()
    {
        StartWatched(1300, cushion: 50, cushionMax: 300);
        Create(Spec("a", 128, 1024, 1024));
        UntilRuns("a");
        World.Stall = new(0.3, 0.1);
        var status = Until("the cushion is at its most", s => s.Cushion == MiB(300));
        var filled = Until("slack fills it, a part of which is on lease", s => s.State.Ledger.Unleased().Free >= MiB(300));
        Assert.All(filled.State.Ledger.Claims.Values, static claim => Assert.True(claim.Lease <= MiB(25), $"{claim}"));
        Assert.Contains("hostPressure", EventKinds());

        World.Stall = new(0, 0);
        Until("it is as it was", s => s.Cushion == MiB(50), TimeSpan.FromMinutes(4));
        Assert.Contains("hostCalm", EventKinds());
        Assert.Equal(MiB(1300), status.State.Ledger.HostMemory);
    }

    [Fact]
    public void A_host_that_can_not_be_read_is_said_and_what_was_known_stands()
    {
        StartWatched(1300);
        World.OthersHold = MiB(600);
        var known = Until("it is seen", s => s.State.Ledger.HostMemory < MiB(900)).State.Ledger.HostMemory;
        World.Fault = "/proc/meminfo does not tell";
        var status = Until("it is said", s => s.Problems.Length > 0);
        Assert.Equal("the host's memory can't be read: /proc/meminfo does not tell; the last known figures stand", status.Problems[0]);
        Assert.Equal(known, status.State.Ledger.HostMemory);
        World.Fault = null;
        Until("it can be read again", s => s.Problems.IsEmpty);
        Assert.Equal(["hostUnseen", "hostSeen"], EventKinds().Where(k => k is "hostSeen" or "hostUnseen"));
    }

    [Fact]
    public void A_vm_that_is_being_launched_does_not_look_like_another_process_that_grows()
    {
        StartWatched(1000);
        Create(Spec("a", 128, 800, 800));
        UntilRuns("a");
        Go(TimeSpan.FromSeconds(3));
        Assert.Equal(MiB(1000), Look().State.Ledger.HostMemory);
        Assert.DoesNotContain("hostMemory", EventKinds());
        Assert.DoesNotContain("deficit", EventKinds());
    }

    [Fact]
    public void A_report_from_before_the_last_target_confirms_nothing()
    {
        var gate = new GatedHypervisor(Hypervisor);
        StartWatched(2048, hypervisor: gate);
        Create(Spec("a", 128, 512, 1024));
        UntilRuns("a");
        Tell(new HostProtocol.ResizeVm(A, MiB(512)));
        var old = Until("it answers 512 MiB", s => s.Reports[A].Confirmation?.Target == MiB(512)).Reports[A];
        Tell(new HostProtocol.ResizeVm(A, MiB(900)));
        Until("it is told", s => s.Reports[A].Heard > old.Heard);
        Guest("a").Temper = GuestTemper.IgnoresPlug;

        // The target is 512 MiB again, which the guest has not been told yet; a report that was under way all the time knows nothing of
        // the 900 MiB.
        gate.Close();
        Tell(new HostProtocol.ResizeVm(A, MiB(512)));
        Until("the call is on its way", _ => gate.Calls.Come > 0);
        Host.Tell(old, TestActor);
        Assert.Equal(MiB(900), Look().State.Vms[A].Promise.Granted);

        gate.LetThrough();
        gate.LetReturn();
        Until("it is told and asked", s => s.State.Vms[A].Promise.Granted == MiB(512));
    }

    /// <summary>VMs whose processes are in limited control groups.</summary>
    private sealed class LimitedHypervisor(IHypervisor inner) : PassingHypervisor(inner)
    {
        public ConcurrentDictionary<VmId, MemorySize> Limits { get; } = [];

        protected override IVirtualMachine Of(VmId id, IVirtualMachine vm) =>
            new Vm(vm, Limits.TryGetValue(id, out var limit) ? limit : null);

        private sealed class Vm(IVirtualMachine inner, MemorySize? limit) : PassingVm(inner)
        {
            public override async Task<HostCost?> MeasureAsync(CancellationToken cancellation) =>
                (await base.MeasureAsync(cancellation))! with { Limit = limit };
        }
    }
}
