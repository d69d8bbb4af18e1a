using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>A host that is drained and comes back, with daemons that die and hosts that restart on the way.</summary>
public sealed class DrainStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly HostSettings Settings = new() { Memory = MiB(4096) };

    [Fact]
    public void All_power_down_stay_away_over_a_restart_of_the_daemon_and_return_whatever_their_policy()
    {
        var watch = Watch("this");
        StartHost(Settings, watch);
        Run("never", RestartPolicy.Never);
        Run("always", RestartPolicy.Always);

        Assert.Contains("2 VMs are asked", Drain(TimeSpan.FromMinutes(2)).Text, StringComparison.Ordinal);
        Until("both are gone", s => s.State.MayRun == 0);
        Assert.Equal(["hostDrain", "hostDrained"], EventKinds().Where(kind => kind.StartsWith("host", StringComparison.Ordinal)));
        Assert.Contains("drained", Assert.IsType<HostProtocol.Refused>(Create(Spec("new", 128, 256, 512))).Why, StringComparison.Ordinal);

        KillHost();
        StartHost(Settings, watch);
        Go(TimeSpan.FromMinutes(2));
        Assert.Null(Hypervisor.Guest(VmId.Parse("always")));

        Host.Tell(new HostProtocol.UndrainHost(), TestActor);
        Assert.Contains("2 VMs return", ExpectMsg<HostProtocol.HostDone>().Text, StringComparison.Ordinal);
        UntilRuns("never", "always");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_guest_that_does_not_power_down_is_ended_at_the_deadline_only_where_that_was_ordered(bool kill)
    {
        StartHost(Settings);
        Run("slow", RestartPolicy.Always);
        Run("quick", RestartPolicy.Always);
        Guest("slow").IgnoresPowerDown = true;
        Drain(TimeSpan.FromSeconds(20), kill);
        Go(TimeSpan.FromSeconds(15));
        Assert.Equal(["slow"], Look().State.Vms.Keys.Select(vm => vm.Name));

        var status = Until("nothing is waited for", s => s.State.DrainsStill == 0);
        Assert.Equal(kill ? 0 : 1, status.State.MayRun);
        Assert.Equal(kill ? ["quick", "slow"] : (string[])["quick"], status.State.Resting.Keys.Select(vm => vm.Name));
        var said = Notices().Single(n => n.Kind == "hostDrained").Text;
        Assert.Contains(kill ? "no VM runs" : "slow runs on", said, StringComparison.Ordinal);
    }

    [Fact]
    public void The_deadline_stands_over_a_death_of_the_daemon()
    {
        StartHost(Settings);
        Run("slow", RestartPolicy.Never);
        Guest("slow").IgnoresPowerDown = true;
        Drain(TimeSpan.FromSeconds(30), kill: true);
        Go(TimeSpan.FromSeconds(20));
        KillHost();
        StartHost(Settings);
        Until("it is ended", s => s.State.MayRun == 0 && s.State.Resting.Count == 1, TimeSpan.FromSeconds(15));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_restart_of_the_host_ends_the_drain_unless_it_is_to_stay(bool stay)
    {
        var watch = Watch("first");
        StartHost(Settings, watch);
        Run("vm", RestartPolicy.Never);
        Run("late", RestartPolicy.Never);
        Guest("late").IgnoresPowerDown = true;
        Drain(TimeSpan.FromMinutes(5), stay: stay);
        Until("one is gone", s => s.State.MayRun == 1);
        KillHost();
        Hypervisor.Kill(VmId.Parse("late"));
        Hypervisor.BootId = watch.BootId = "second";

        StartHost(Settings, watch);

        if (stay)
        {
            Go(TimeSpan.FromMinutes(1));
            Assert.Equal((0, 2), (Look().State.MayRun, Look().State.Resting.Count));
            Host.Tell(new HostProtocol.UndrainHost(), TestActor);
            ExpectMsg<HostProtocol.HostDone>();
        }

        UntilRuns("vm", "late");
        Assert.Null(Look().State.Drain);
    }

    [Fact]
    public void An_undrain_before_the_guests_have_powered_down_leaves_them_running()
    {
        StartHost(Settings);
        Run("vm", RestartPolicy.Never);
        Guest("vm").IgnoresPowerDown = true;
        Drain(TimeSpan.FromSeconds(30), kill: true);
        Go(TimeSpan.FromSeconds(10));
        Host.Tell(new HostProtocol.UndrainHost(), TestActor);
        ExpectMsg<HostProtocol.HostDone>();
        Go(TimeSpan.FromMinutes(1));
        Assert.False(Look().Reports[VmId.Parse("vm")].Stopping);
    }

    private SimulatedHostMonitor Watch(string boot)
    {
        Hypervisor.BootId = boot;
        return new(Hypervisor, MiB(8192)) { BootId = boot };
    }

    private void Run(string name, RestartPolicy restart)
    {
        Assert.IsType<HostProtocol.Done>(Create(Spec(name, 128, 256, 512) with { Restart = restart }));
        UntilRuns(name);
    }

    private HostProtocol.HostDone Drain(TimeSpan deadline, bool kill = false, bool stay = false)
    {
        Host.Tell(new HostProtocol.DrainHost(deadline, kill) { Stay = stay }, TestActor);
        return ExpectMsg<HostProtocol.HostDone>();
    }
}
