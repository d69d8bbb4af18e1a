using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Admission;

/// <summary>How new VMs are admitted to a full host: which peers give memory, which VMs wait, and what is given back.</summary>
public sealed class AdmissionStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private static VmId Id(string name) => VmId.Parse(name);

    private static AdmissionState? StateOf(HostProtocol.Status status, string name) =>
        status.State.Admissions.TryGetValue(Id(name), out var admission) ? admission.State : null;

    private HostProtocol.DryRunResult Foresee(VmSpec spec)
    {
        Host.Tell(new HostProtocol.DryRunVm(spec, Hypervisor.ExpectedOverhead(spec), MemorySize.Zero, null), TestActor);
        return ExpectMsg<HostProtocol.DryRunResult>(TimeSpan.FromSeconds(60));
    }

    /// <summary>A host of two VMs with 512 MiB each, which is almost full.</summary>
    private void FullHost(long memoryMiB = 1120, AdmissionSettings? admission = null)
    {
        StartHost(new HostSettings { Memory = MiB(memoryMiB), Admission = admission ?? new() });
        Create(Spec("a", 128, 512, 1024));
        Create(Spec("b", 128, 512, 1024));
        UntilForeseen("a", "b");
    }

    [Fact]
    public void Who_the_plan_names_pays_and_nobody_else()
    {
        StartHost(memoryMiB: 2300);
        Create(Spec("big", 128, 1024, 2048));
        Create(Spec("small", 128, 512, 1024));
        Create(Spec("other", 128, 512, 1024));
        UntilForeseen("big", "small", "other");

        var foreseen = Foresee(Spec("new", 128, 512, 1024));
        Assert.Equal(Prospect.Gathers, foreseen.Prospect);
        Assert.Equal(["big"], foreseen.Plan!.From.Select(part => part.Vm.Name));
        Create(Spec("new", 128, 512, 1024));
        var status = UntilRuns("new");
        Assert.Equal((MiB(512), MiB(512)), (Guest("small").Sizes.Actual, Guest("other").Sizes.Actual));
        Assert.True(Guest("big").Sizes.Actual <= MiB(700));
        Assert.True(status.State.Admissions.IsEmpty);
        Assert.Contains(Notices(), h => h.Kind == "admissionPlanned" && h.Text.StartsWith("big gives ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_mover_that_gets_stuck_is_replaced_by_another()
    {
        StartHost(memoryMiB: 1700);
        Create(Spec("big", 128, 1024, 2048));
        Create(Spec("other", 128, 512, 1024));
        UntilForeseen("big", "other");
        Guest("big").Temper = GuestTemper.Stubborn;

        Create(Spec("new", 128, 256, 512));
        UntilRuns("new");
        Assert.Equal(MiB(1024), Guest("big").Sizes.Actual);
        Assert.True(Guest("other").Sizes.Actual < MiB(400));
        var plans = Notices().Where(h => h.Kind == "admissionPlanned").Select(h => h.Text.Split(' ')[0]);
        Assert.Equal(["big", "other"], plans.Distinct());
    }

    [Fact]
    public void What_was_gathered_for_one_that_is_wanted_no_more_goes_back_at_once()
    {
        StartHost(memoryMiB: 1300);
        Create(Spec("a", 128, 1024, 1024));
        UntilRuns("a");
        Guest("a").Used = MiB(560);
        Until("it is known what it needs", s => s.Forecasts.TryGetValue(Id("a"), out var f) && f.Demand > MiB(600));
        Guest("a").Temper = GuestTemper.Slow;

        Create(Spec("new", 128, 590, 1024), Long);
        Until("it has given of what it wants itself", s => s.Forecasts[Id("a")].Demand > Guest("a").Sizes.Actual + MiB(16), Long);
        Host.Tell(new HostProtocol.StopVm(Id("new"), new(TimeSpan.Zero, Kill: true)), TestActor);
        Assert.Equal("its creation was cancelled", ExpectMsg<HostProtocol.Done>().Text);

        var status = Until("it has that again", s => Guest("a").Sizes.Actual + MiB(16) >= s.Forecasts[Id("a")].Demand, Long);
        Assert.True(status.State.Admissions.IsEmpty);
        Assert.True(status.State.Ledger.Reserved.IsZero);
        Assert.Null(Hypervisor.Guest(Id("new")));
    }

    [Fact]
    public void One_whose_time_is_up_says_who_gave_how_much()
    {
        FullHost();
        Guest("a").Temper = Guest("b").Temper = GuestTemper.Stubborn;
        Create(Spec("c", 128, 256, 512), TimeSpan.FromSeconds(3));
        Until("it has expired", s => s.State.Admissions.IsEmpty);
        var expired = Notices().Single(h => h.Kind == "admissionExpired");
        Assert.Matches(@"^its memory was not there before its deadline: .* of 288 MiB were missing; a gave 0 B of \d+ MiB$", expired.Text);
    }

    [Fact]
    public void A_deadline_that_can_not_be_kept_is_told_long_before_it()
    {
        FullHost();
        Guest("a").Temper = Guest("b").Temper = GuestTemper.Slow;
        // A VM that was never seen to move is expected to give 200 MiB a second; these give 40.
        Create(Spec("c", 128, 500, 512), TimeSpan.FromSeconds(6));
        var status = Until("it is told", _ => EventKinds().Contains("admissionLate"), TimeSpan.FromSeconds(3));
        Assert.True(status.State.Admissions[Id("c")].State.Gathers());
        Until("it has expired", s => s.State.Admissions.IsEmpty, TimeSpan.FromSeconds(6));
        Assert.DoesNotContain("launchBegun", EventKinds().SkipWhile(kind => kind != "admissionLate"));
    }

    [Fact]
    public void An_early_one_starts_with_less_and_grows_to_what_it_asked()
    {
        FullHost(memoryMiB: 1400);
        var spec = Spec("c", 128, 768, 1024) with { BootPolicy = BootPolicy.Early };
        Assert.Equal(Prospect.Starts, Foresee(spec).Prospect);
        Create(spec);
        var status = Until("it is launched with less than it asked", s => s.State.Vms.ContainsKey(Id("c")));
        var boot = status.State.Vms[Id("c")].Handle.Base;
        Assert.True(boot >= MiB(128) && boot <= MiB(312), $"{boot}");
        Assert.Equal(MiB(768), status.State.Vms[Id("c")].Owed);

        status = Until("it has all that it asked", s => Guest("c").Sizes.Actual >= MiB(768), Long);
        Assert.Null(status.State.Vms[Id("c")].Owed);
        Assert.Equal(boot, Guest("c").Base);
    }

    [Fact]
    public void What_an_early_one_is_owed_survives_the_daemon_and_its_snapshots()
    {
        StartHost(new HostSettings { Memory = MiB(1400), SnapshotEvery = 3 });
        Create(Spec("a", 128, 512, 1024));
        Create(Spec("b", 128, 512, 1024));
        UntilForeseen("a", "b");
        Create(Spec("c", 128, 768, 1024) with { BootPolicy = BootPolicy.Early });
        Until("it is launched", s => s.State.Vms.ContainsKey(Id("c")));
        KillHost();
        StartHost(new HostSettings { Memory = MiB(1400), SnapshotEvery = 3 });
        Until("it has all that it asked", _ => Guest("c").Sizes.Actual >= MiB(768), Long);
        Until("that is written down", s => s.State.Vms[Id("c")].Owed is null);
        KillHost();
        StartHost(new HostSettings { Memory = MiB(1400), SnapshotEvery = 3 });
        Assert.Null(Look().State.Vms[Id("c")].Owed);
    }

    [Fact]
    public void The_highest_priority_is_served_first_when_memory_comes()
    {
        FullHost();
        Guest("a").Temper = Guest("b").Temper = GuestTemper.Stubborn;
        Create(Spec("low", 128, 300, 512) with { Priority = 1 }, Long);
        Create(Spec("first", 128, 300, 512), Long);
        Create(Spec("high", 128, 300, 512) with { Priority = 900 }, Long);
        Guest("a").Temper = Guest("b").Temper = GuestTemper.Ideal;
        Until("one has its memory", _ => EventKinds().Contains("memoryReserved"), Long);
        Until("the others too, or they wait", s => s.State.Vms.ContainsKey(Id("high")), Long);
        Assert.Equal("high", Notices().First(h => h.Kind == "memoryReserved" && h.Vm != Id("a") && h.Vm != Id("b")).Vm!.Value.Name);
    }

    [Fact]
    public void A_small_one_passes_a_large_one_with_what_the_large_one_does_not_gather()
    {
        StartHost(memoryMiB: 2300);
        Create(Spec("slow", 128, 1024, 2048));
        Create(Spec("quick", 128, 800, 1024));
        UntilForeseen("slow", "quick");
        Guest("slow").Temper = GuestTemper.Slow;
        Create(Spec("large", 128, 1000, 1024), Long);
        Until("its peer is asked", s => StateOf(s, "large") is AdmissionState.Shrinking);
        Create(Spec("small", 128, 128, 512), Long);
        Until("the large one comes too", s => s.State.Vms.ContainsKey(Id("large")), Long);
        Assert.Equal(["slow", "quick", "small", "large"], Notices().Where(h => h.Kind == "memoryReserved").Select(h => h.Vm!.Value.Name));
        Assert.DoesNotContain("admissionExpired", EventKinds());
    }

    [Fact]
    public void Several_that_fit_are_launched_at_once_but_only_so_many()
    {
        StartHost(new HostSettings { Memory = MiB(4096), Admission = new() { Launches = 2 } });
        foreach (var name in new[] { "a", "b", "c" })
            Create(Spec(name, 128, 256, 512));
        var status = Look();
        Assert.Equal(2, status.State.Admissions.Values.Count(a => a.State == AdmissionState.Launching));
        Assert.Equal(AdmissionState.Reserved, StateOf(status, "c"));
        UntilRuns("a", "b", "c");
    }

    [Fact]
    public void A_daemon_that_dies_in_any_state_of_a_request_goes_on_with_it()
    {
        var host = new HostSettings { Memory = MiB(1500), Admission = new() { Launches = 1 } };
        StartHost(host);
        Create(Spec("a", 128, 1024, 1024));
        UntilRuns("a");
        Guest("a").Temper = GuestTemper.Stubborn;
        foreach (var name in new[] { "one", "two", "three" })
            Create(Spec(name, 128, 256, 512), Long);
        Until("one launches, the next shrink or wait", s => StateOf(s, "one") is AdmissionState.Launching or null
            && StateOf(s, "two") > AdmissionState.Requested);
        KillHost();
        Guest("a").Temper = GuestTemper.Ideal;
        StartHost(host);
        Until("two is provided for", s => StateOf(s, "two") is AdmissionState.Reserved or AdmissionState.Launching or null);
        KillHost();
        StartHost(host);
        UntilRuns("a", "one", "two", "three");
        Assert.True(Look().State.Ledger.Reserved.IsZero);
    }

    [Fact]
    public void Of_twenty_at_once_those_that_there_is_room_for_run_and_the_rest_wait_for_an_end()
    {
        // The guarantee of each is 256 MiB and 32 MiB of overhead: there is room for 12.
        StartHost(memoryMiB: 12 * 288 + 100);
        var names = Enumerable.Range(1, 20).Select(i => $"vm{i:00}").ToArray();
        Look();
        // All are requested before the first request is written.
        Faults.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var admission = Sys.ActorSelection("/user/dmm/host/admission");
        foreach (var name in names)
            admission.Tell(new AdmissionProtocol.CreateVm(Spec(name, 256, 256, 512), MiB(32), Long, []), TestActor);
        admission.Tell(new Identify(0), TestActor);
        ExpectMsg<ActorIdentity>(TimeSpan.FromSeconds(60));
        Faults.Gate.SetResult();
        foreach (var _ in names)
            ExpectMsg<HostProtocol.Done>(TimeSpan.FromSeconds(60));
        var status = UntilRuns(names[..12]);
        Assert.Equal(names[12..], status.State.Admissions.Keys.Select(id => id.Name));
        Assert.Equal(WaitCause.Guarantees, status.State.Admissions[Id("vm13")].Cause);
        Assert.All(names[..12], name => Assert.True(Guest(name).Sizes.Actual >= MiB(256)));

        // A VM that is requested now is refused at once, since there is no room.
        Assert.Contains("this host has room for 100 MiB", Assert.IsType<HostProtocol.Refused>(Create(Spec("late", 256, 256, 512))).Why);

        foreach (var name in names[3..6])
        {
            Host.Tell(new HostProtocol.StopVm(Id(name), new(TimeSpan.Zero, Kill: true)), TestActor);
            ExpectMsg<HostProtocol.Done>();
        }

        status = UntilRuns(names[12..15]);
        Assert.Equal(names[15..], status.State.Admissions.Keys.Select(id => id.Name));
    }

    [Fact]
    public void A_dry_run_writes_nothing()
    {
        FullHost();
        var before = (Look().State, EventKinds().Length);
        Assert.Equal(Prospect.Gathers, Foresee(Spec("c", 128, 256, 512)).Prospect);
        var refused = Foresee(Spec("c", 900, 900, 900));
        Assert.Equal(Prospect.Refused, refused.Prospect);
        Assert.Contains("its peers' mins must be ", refused.Text);
        Assert.Equal(before, (Look().State with { Ledger = before.State.Ledger }, EventKinds().Length));
    }

    [Fact]
    public void A_queue_that_is_full_refuses_the_next()
    {
        FullHost(admission: new() { Queue = 2 });
        Guest("a").Temper = Guest("b").Temper = GuestTemper.Stubborn;
        Create(Spec("c", 128, 512, 512), Long);
        Create(Spec("d", 128, 512, 512), Long);
        Assert.Equal(
            "2 VMs wait to be created already, as many as dmm.admission.queue allows; try again later",
            Assert.IsType<HostProtocol.Refused>(Create(Spec("e", 128, 512, 512))).Why);

        // A dry run says the same.
        Host.Tell(new HostProtocol.DryRunVm(Spec("e", 128, 512, 512), MemorySize.Zero, MemorySize.Zero, null), TestActor);
        Assert.StartsWith("2 VMs wait to be created already", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_wanted_already_is_refused()
    {
        FullHost();
        Guest("a").Temper = Guest("b").Temper = GuestTemper.Stubborn;
        Create(Spec("c", 128, 512, 512), Long);
        Assert.Equal(HostProtocol.RefusalKind.Conflict, Assert.IsType<HostProtocol.Refused>(Create(Spec("c", 128, 512, 512))).Kind);
        Assert.Equal(HostProtocol.RefusalKind.Conflict, Assert.IsType<HostProtocol.Refused>(Create(Spec("a", 128, 512, 512))).Kind);
    }

    [Fact]
    public void Under_another_law_that_law_decides_who_gives()
    {
        StartHost(new HostSettings { Memory = MiB(1120), Law = "squeezed" });
        Create(Spec("a", 128, 512, 1024));
        Create(Spec("b", 128, 512, 1024));
        UntilForeseen("a", "b");
        Create(Spec("c", 128, 256, 512));
        UntilRuns("c");
        Assert.Contains(Notices(), h => h.Kind == "admissionPlanned" && h.Text == "the law that dmm.policy names decides who gives");
    }
}
