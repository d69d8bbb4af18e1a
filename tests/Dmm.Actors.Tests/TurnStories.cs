using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>A target changes in the middle of an operation: no memory is lost by it, and none is promised twice.</summary>
public sealed class TurnStories(ITestOutputHelper output) : HostFixture(output)
{
    private const long HostMiB = 9000;
    private const long OverheadMiB = 32;

    private static readonly VmId Vm = VmId.Parse("vm");

    [Fact]
    public void A_growth_turned_round_in_mid_plug_is_answered_for_only_with_sizes_read_after_the_last_call()
    {
        var gate = new GatedHypervisor(Hypervisor);
        StartHost(HostMiB, hypervisor: gate);
        Create(Spec("vm", 128, 256, 8000));
        UntilRuns("vm");
        Resize(8000);
        Until("it is in the middle", _ => Guest("vm").Sizes.Actual > MiB(1000));
        var middle = Guest("vm").Sizes.Actual;

        // The call that is to stop the growth is under way: the guest goes on, and may become all that it was told before.
        gate.Close();
        Resize(512);
        Until("the call is on its way", _ => gate.Calls.Come > 0);
        For(TimeSpan.FromMilliseconds(600), status => Assert.Equal(MiB(8000), status.State.Vms[Vm].Promise.Granted));
        Assert.True(Guest("vm").Sizes.Actual > middle + MiB(500), "it did not grow on");

        // The device is told, but nobody has read the VM's sizes since: the known sizes are old.
        gate.LetThrough();
        Until("it is told", _ => gate.Calls.Done > 0);
        For(TimeSpan.FromMilliseconds(300), status => Assert.Equal(MiB(8000), status.State.Vms[Vm].Promise.Granted));

        gate.LetReturn();
        UntilSettledAt(512);
    }

    [Fact]
    public void A_growth_turned_round_in_mid_plug_ends_with_every_byte_counted_once()
    {
        StartHost(HostMiB);
        Create(Spec("vm", 128, 256, 8000));
        UntilRuns("vm");
        foreach (var (up, down) in new[] { (8000L, 512L), (6000L, 200L), (2000L, 1024L) })
        {
            Resize(up);
            Until("it is on its way up", _ => Guest("vm").Sizes.Actual > MiB((up + down) / 2));
            Resize(down);
            Until("it has turned", _ => Guest("vm").Sizes.PluggedTarget <= Guest("vm").Sizes.Plugged, TimeSpan.FromSeconds(1));
            Assert.True(Guest("vm").Sizes.Actual < MiB(up), "it had arrived before it turned");
            UntilSettledAt(down);
        }
    }

    [Fact]
    public void A_shrink_turned_round_in_mid_unplug_ends_with_every_byte_counted_once()
    {
        StartHost(HostMiB);
        Create(Spec("vm", 128, 256, 8000));
        UntilRuns("vm");
        foreach (var (down, up) in new[] { (512L, 7000L), (160L, 3000L) })
        {
            Resize(8000);
            UntilSettledAt(8000);
            Resize(down);
            Until("it is on its way down", _ => Guest("vm").Sizes.Actual < MiB(6500));
            Assert.True(Guest("vm").Sizes.Actual > MiB(down), "it had arrived before it turned");
            Resize(up);
            UntilSettledAt(up);
        }
    }

    private void Resize(long mib)
    {
        Host.Tell(new HostProtocol.ResizeVm(Vm, MiB(mib)), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }

    /// <summary>Waits until the VM has what it was promised, and all else is free.</summary>
    private void UntilSettledAt(long mib)
    {
        var status = Until(
            $"it is settled at {mib} MiB",
            s =>
            {
                Covered(s);
                return s.Reports[Vm].Phase == VmPhase.Settled && s.State.Vms[Vm].Promise is var p && p.Granted == MiB(mib)
                    && p.Target == MiB(mib)
                    && Guest("vm").Sizes.Actual == MiB(mib);
            });
        Assert.Equal(MiB(HostMiB - OverheadMiB - mib), status.State.Ledger.Free);
    }

    private void For(TimeSpan time, Action<HostProtocol.Status> holds)
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromMilliseconds(50))
        {
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            var status = Look();
            Covered(status);
            holds(status);
        }
    }

    /// <summary>The sizes that its devices were told are promised to the VM, and so to nobody else.</summary>
    private void Covered(HostProtocol.Status status)
    {
        var (ceiling, granted) = (Guest("vm").Sizes.Ceiling, status.State.Vms[Vm].Promise.Granted);
        Assert.True(ceiling <= granted, $"it can become {ceiling}, and {granted} is promised to it");
    }
}
