using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// A VM whose guest was migrated to another process is never created here again by itself: there would be two of it, on one disk.
/// </summary>
public sealed class MigrationStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    public static TheoryData<RestartPolicy, bool, bool> Ends => new()
    {
        { RestartPolicy.Always, false, true },
        { RestartPolicy.Always, false, false },
        { RestartPolicy.OnFailure, false, false },
        { RestartPolicy.Always, true, true },
        { RestartPolicy.OnFailure, true, false },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void It_is_not_created_again_whatever_its_policy_and_however_its_process_ends(
        RestartPolicy restart, bool nobodyWatches, bool meant)
    {
        StartHost(memoryMiB: 2048);
        Run(restart);
        Guest("vm").RunState = VmRunState.MigratedAway;
        var status = Until("it is seen", s => s.State.Vms[Vm].MigratedAway);
        Assert.Equal(VmPhase.Paused, status.Reports[Vm].Phase);
        Assert.True(status.State.Ledger.Claims[Vm].Size >= MiB(256));
        if (nobodyWatches)
            KillHost();
        End(meant);
        if (nobodyWatches)
            StartHost(memoryMiB: 2048);

        status = Until("it rests", s => s.State.Resting.ContainsKey(Vm));
        Go(TimeSpan.FromMinutes(10));

        Assert.Null(Hypervisor.Guest(Vm));
        Assert.Equal((EndCause.MigratedAway, (Core.Moment?)null), (status.State.Resting[Vm].Cause, status.State.Resting[Vm].ReturnAt));
        Assert.Contains("it is not created here again", Notices().Single(h => h.Kind == "vmStopped").Text, StringComparison.Ordinal);
        Host.Tell(new HostProtocol.StartVm(Vm, null), TestActor);
        Assert.Contains("may run elsewhere, on the same disk", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
        Host.Tell(new HostProtocol.StartVm(Vm, null) { Force = true }, TestActor);
        ExpectMsg<HostProtocol.Done>();
        UntilRuns("vm");
        Assert.False(Look().State.Vms[Vm].MigratedAway);
    }

    [Theory]
    [InlineData(VmRunState.MigratingOut)]
    [InlineData(VmRunState.MigratedAway)]
    public void Nor_where_it_was_to_be_stopped_or_its_host_restarts(VmRunState state)
    {
        StartHost(memoryMiB: 2048);
        Run(RestartPolicy.Always);
        Guest("vm").RunState = state;
        Until("it is seen", s => s.State.Vms[Vm].MigratedAway);
        Host.Tell(new HostProtocol.StopVm(Vm, new(TimeSpan.Zero, true)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        var status = Until("it rests", s => s.State.Resting.ContainsKey(Vm));
        Assert.Equal(EndCause.MigratedAway, status.State.Resting[Vm].Cause);
    }

    [Fact]
    public void One_without_a_restart_policy_is_forgotten_and_that_is_said()
    {
        StartHost(memoryMiB: 2048);
        Run(RestartPolicy.Never);
        Guest("vm").RunState = VmRunState.MigratedAway;
        Until("it is seen", s => s.State.Vms[Vm].MigratedAway);
        Hypervisor.PowerOff(Vm);
        Until("it is forgotten", s => s.State.Vms.IsEmpty && s.State.Resting.IsEmpty);
        Assert.Equal("it was migrated away: the guest shut down; it is not created here again", Notices().Single(h => h.Kind == "vmEnded")
            .Text);
    }

    [Fact]
    public void A_migration_that_was_given_up_changes_nothing()
    {
        StartHost(memoryMiB: 2048);
        Run(RestartPolicy.Always);
        Guest("vm").RunState = VmRunState.MigratingOut;
        Until("it is seen", s => s.State.Vms[Vm].MigratedAway);
        KillHost();
        StartHost(memoryMiB: 2048);
        Until("it is remembered", s => s.Reports.TryGetValue(Vm, out var report) && report.Phase == VmPhase.Paused
            && s.State.Vms[Vm].MigratedAway);
        Guest("vm").RunState = VmRunState.Running;
        Until("it runs here again", s => !s.State.Vms[Vm].MigratedAway);
        UntilRuns("vm");
        Assert.Single(Notices(), h => h.Kind == "migrationUndone");
        var first = Guest("vm");
        Hypervisor.Kill(Vm);
        Until("it is back", s => Hypervisor.Guest(Vm) is { } again && again != first && s.State.Vms.ContainsKey(Vm));
    }

    [Fact]
    public void A_guest_that_is_paused_while_it_is_up_keeps_what_it_has_and_is_not_called_unwilling()
    {
        StartHost(memoryMiB: 1024);
        Run(RestartPolicy.Never);
        Until("it is known", s => s.Forecasts.ContainsKey(Vm));
        Guest("vm").RunState = VmRunState.Paused;
        Until("it is seen to be paused", s => s.Reports[Vm].Phase == VmPhase.Paused);
        Host.Tell(new HostProtocol.ResizeVm(Vm, MiB(128)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Go(TimeSpan.FromMinutes(5));
        var status = Look();
        Assert.Equal(VmPhase.Paused, status.Reports[Vm].Phase);
        Assert.Equal(MiB(256), status.State.Vms[Vm].Promise.Granted);
        Assert.Equal(MiB(256), Guest("vm").Sizes.Actual);

        Guest("vm").RunState = VmRunState.Running;
        Until("it shrinks", _ => Guest("vm").Sizes.Actual <= MiB(130));
    }

    private void End(bool meant)
    {
        if (meant)
            Hypervisor.PowerOff(Vm);
        else
            Hypervisor.Kill(Vm);
    }

    private void Run(RestartPolicy restart)
    {
        Assert.IsType<HostProtocol.Done>(Create(Spec("vm", 128, 256, 512) with { Restart = restart }));
        UntilRuns("vm");
    }
}
