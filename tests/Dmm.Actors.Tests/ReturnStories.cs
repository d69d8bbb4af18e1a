using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>VMs that return after their end, VMs that do not, and the bound on the sum of what all may become.</summary>
public sealed class ReturnStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    [Theory]
    [InlineData(RestartPolicy.OnFailure)]
    [InlineData(RestartPolicy.Always)]
    public void A_vm_that_is_killed_comes_back_through_admission(RestartPolicy restart)
    {
        StartHost(memoryMiB: 2048);
        Run("vm", restart);
        var first = Guest("vm");
        Hypervisor.Kill(Vm);
        var resting = Until("its end is seen", s => s.State.Resting.ContainsKey(Vm));
        Assert.Equal(MiB(2048), resting.State.Ledger.Free);
        UntilRuns("vm");
        Assert.NotSame(first, Guest("vm"));
        Assert.Equal(["launchBegun", "launchBegun"], EventKinds().Where(kind => kind == "launchBegun"));
    }

    [Fact]
    public void A_guest_that_powers_down_comes_back_only_under_always()
    {
        StartHost(memoryMiB: 2048);
        Run("always", RestartPolicy.Always);
        Run("failure", RestartPolicy.OnFailure);
        Run("never", RestartPolicy.Never);
        var first = Guest("always");
        foreach (var name in new[] { "always", "failure", "never" })
            Hypervisor.PowerOff(VmId.Parse(name));
        var status = Until("one is back", s => Hypervisor.Guest(VmId.Parse("always")) is { } again && again != first
            && s.State.Vms.Count == 1);
        Assert.Equal(["failure"], status.State.Resting.Keys.Select(id => id.Name));
        Assert.Null(status.State.Resting[VmId.Parse("failure")].ReturnAt);

        Host.Tell(new HostProtocol.StartVm(VmId.Parse("failure"), null), TestActor);
        ExpectMsg<HostProtocol.Done>();
        UntilRuns("failure");
    }

    [Fact]
    public void A_vm_that_dies_again_and_again_comes_back_later_each_time()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.OnFailure);
        var waits = new List<double>();
        for (var i = 0; i < 4; i++)
        {
            Hypervisor.Kill(Vm);
            var rests = Until("its end is seen", s => s.State.Resting.ContainsKey(Vm)).State.Resting[Vm];
            waits.Add((rests.ReturnAt!.Value - rests.Since).TotalSeconds);
            UntilRuns("vm");
        }

        Assert.Equal([1, 2, 4, 8], waits);
    }

    [Fact]
    public void A_vm_that_was_stopped_stays_so_until_it_is_started()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.Always);
        Tell(new HostProtocol.StopVm(Vm, new(TimeSpan.FromSeconds(30), false)));
        Until("it rests", s => s.State.Resting.ContainsKey(Vm));
        Again(TimeSpan.FromMinutes(2));
        Assert.Null(Hypervisor.Guest(Vm));
        Assert.Contains(
            "which does not run", Assert.IsType<HostProtocol.Refused>(Create(Spec("vm", 128, 256, 512))).Why, StringComparison.Ordinal);

        Tell(new HostProtocol.StartVm(Vm, null));
        UntilRuns("vm");
        Hypervisor.Kill(Vm);
        Until("it returns again", s => s.State.Resting.TryGetValue(Vm, out var rests) && rests.ReturnAt is not null);
    }

    [Fact]
    public void A_guest_that_powers_down_long_after_it_was_asked_stays_stopped()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.Always);
        Guest("vm").IgnoresPowerDown = true;
        Tell(new HostProtocol.StopVm(Vm, new(TimeSpan.FromSeconds(5), false)));
        Until("that is given up", s => s.State.Vms[Vm].Stop is null);
        KillHost();
        StartHost(memoryMiB: 2048);
        Hypervisor.PowerOff(Vm);
        var status = Until("it rests", s => s.State.Resting.ContainsKey(Vm));
        Assert.Null(status.State.Resting[Vm].ReturnAt);
    }

    [Fact]
    public void A_stopped_vm_can_be_forgotten_and_its_name_used()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.Always);
        Tell(new HostProtocol.StopVm(Vm, new(TimeSpan.Zero, true)));
        Until("it rests", s => s.State.Resting.ContainsKey(Vm));
        Tell(new HostProtocol.ForgetVm(Vm));
        Run("vm", RestartPolicy.Never);
    }

    [Fact]
    public void A_restart_policy_can_be_changed_while_the_vm_runs_and_while_it_does_not()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.Never);
        Tell(new HostProtocol.SetPolicy(Vm, null, null, null) { Restart = RestartPolicy.Always });
        Hypervisor.Kill(Vm);
        UntilRuns("vm");
        Hypervisor.Kill(Vm);
        Until("it is to return", s => s.State.Resting.TryGetValue(Vm, out var rests) && rests.ReturnAt is not null);
        Tell(new HostProtocol.SetPolicy(Vm, null, null, null) { Restart = RestartPolicy.Never });
        Again(TimeSpan.FromMinutes(1));
        Assert.Null(Hypervisor.Guest(Vm));
        Assert.Null(Look().State.Resting[Vm].ReturnAt);
    }

    [Fact]
    public void What_a_stopped_vm_boots_with_moves_with_its_bounds()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.Always);
        Tell(new HostProtocol.StopVm(Vm, new(TimeSpan.Zero, true)));
        Until("it rests", s => s.State.Resting.ContainsKey(Vm));
        Host.Tell(new HostProtocol.SetPolicy(Vm, MiB(401), null, null), TestActor);
        Assert.Equal(
            "it boots with 402 MiB instead of 256 MiB, within its new bounds", Assert.Single(ExpectMsg<HostProtocol.Done>().Notes));
        Assert.Equal((MiB(401), MiB(402)), (Look().State.Resting[Vm].Spec.Policy.Min, Look().State.Resting[Vm].Spec.Boot));
        Tell(new HostProtocol.SetPolicy(Vm, MiB(128), MiB(200), null));
        Assert.Equal(MiB(200), Look().State.Resting[Vm].Spec.Boot);
        Host.Tell(new HostProtocol.SetPolicy(Vm, MiB(300), null, null), TestActor);
        Assert.Contains("max 200 MiB is below min 300 MiB", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);

        Tell(new HostProtocol.StartVm(Vm, null));
        UntilRuns("vm");
        Assert.Equal(MiB(200), Guest("vm").Base);
    }

    [Fact]
    public void A_vm_that_died_while_no_daemon_ran_comes_back_once()
    {
        StartHost(memoryMiB: 2048);
        Run("vm", RestartPolicy.OnFailure);
        KillHost();
        Hypervisor.Kill(Vm);
        StartHost(memoryMiB: 2048);
        Until("its end is seen", s => s.State.Resting.ContainsKey(Vm));
        KillHost();
        StartHost(memoryMiB: 2048);
        UntilRuns("vm");
        // A host without a keeper repeats notices that it gave before.
        Assert.Equal(2, Notices().Where(h => h.Kind == "launchBegun").Distinct().Count());
    }

    [Fact]
    public void After_the_hosts_restart_those_that_are_to_run_return_in_the_order_of_their_priority()
    {
        var watch = new SimulatedHostMonitor(Hypervisor, MiB(8192)) { BootId = "first" };
        Hypervisor.BootId = "first";
        var settings = new HostSettings { Memory = MiB(4096) };
        StartHost(settings, watch);
        foreach (var (name, restart, priority) in new[]
        {
            ("low", RestartPolicy.Always, -1),
            ("none", RestartPolicy.Never, 9),
            ("mid", RestartPolicy.OnFailure, 0),
            ("high", RestartPolicy.OnFailure, 5),
            ("quiet", RestartPolicy.Always, 7),
        })
        {
            Create(Spec(name, 128, 256, 512) with { Restart = restart, Priority = priority });
            UntilRuns(name);
        }

        Tell(new HostProtocol.StopVm(VmId.Parse("quiet"), new(TimeSpan.Zero, true)));
        Until("it rests", s => s.State.Resting.Count == 1);
        KillHost();
        foreach (var name in new[] { "low", "none", "mid", "high" })
            Hypervisor.Kill(VmId.Parse(name));
        Hypervisor.BootId = watch.BootId = "second";
        var before = Clock.Now;

        StartHost(settings, watch);
        UntilRuns("low", "mid", "high");

        var launched = Notices().Where(h => h.Kind == "launchBegun" && h.At >= before).Select(h => h.Vm!.Value.Name);
        Assert.Equal(["high", "mid", "low"], launched);
        var state = Look().State;
        Assert.Equal(3, state.Vms.Count);
        Assert.Equal(["quiet"], state.Resting.Keys.Select(id => id.Name));
    }

    [Fact]
    public void A_vm_that_finds_no_room_steps_back_and_returns_when_there_is_some()
    {
        StartHost(memoryMiB: 700);
        Run("vm", RestartPolicy.OnFailure);
        Hypervisor.LaunchFaults[Vm] = "the image is away";
        Hypervisor.Kill(Vm);
        Until("its return came to nothing", s => s.State.Resting.TryGetValue(Vm, out var rests)
            && rests.Why.Contains("the image is away", StringComparison.Ordinal));
        Create(Spec("peer", 512, 512, 512));
        UntilRuns("peer");
        var status = Until("it can't return", s => s.State.Resting.TryGetValue(Vm, out var rests)
            && rests.Why.StartsWith("it can't return", StringComparison.Ordinal));
        Assert.Contains("room for", status.State.Resting[Vm].Why, StringComparison.Ordinal);
        Tell(new HostProtocol.StopVm(VmId.Parse("peer"), new(TimeSpan.Zero, true)));
        UntilRuns("vm");
    }

    [Fact]
    public void Nobody_is_created_adopted_or_raised_beyond_the_bound_on_all_maxes()
    {
        StartHost(new HostSettings { Memory = MiB(1024), Admission = new() { OvercommitMaxRatio = 2 } });
        Assert.IsType<HostProtocol.Done>(Create(Spec("a", 128, 256, 1024)));
        UntilRuns("a");
        const string Why = "b: with max 1.5 GiB the sum of all max would be 2.5 GiB, 2.5 times the 1 GiB for guests; "
            + "dmm.admission.overcommit-max-ratio allows 2 times, so max can be 1 GiB at most";
        Assert.Equal(Why, Assert.IsType<HostProtocol.Refused>(Create(Spec("b", 128, 256, 1536))).Why);
        var handle = new VmHandle(VmId.Parse("b"), "simulation", MiB(128), "", null, null, null, false);
        Host.Tell(new HostProtocol.AdoptVm(handle, new(MiB(128), MiB(1536)), MiB(128), MemorySize.Zero) { ReadAt = MomentNow }, TestActor);
        Assert.Equal(Why, ExpectMsg<HostProtocol.Refused>().Why);
        Assert.IsType<HostProtocol.Done>(Create(Spec("b", 128, 256, 1024)));
        UntilRuns("b");
        Host.Tell(new HostProtocol.SetPolicy(VmId.Parse("b"), null, MiB(1026), null), TestActor);
        Assert.Contains("so max can be 1 GiB at most", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
        Tell(new HostProtocol.SetPolicy(VmId.Parse("b"), null, MiB(900), null));
    }

    private void Run(string name, RestartPolicy restart)
    {
        Assert.IsType<HostProtocol.Done>(Create(Spec(name, 128, 256, 512) with { Restart = restart }));
        UntilRuns(name);
    }

    private void Tell(object command)
    {
        Host.Tell(command, TestActor);
        ExpectMsg<HostProtocol.Done>();
    }

    private void Again(TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromMilliseconds(500))
        {
            Clock.Advance(TimeSpan.FromMilliseconds(500));
            Look();
        }
    }
}
