using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Vms;

/// <summary>
/// A VM that has a control group of its own is held to its claim, and is never told to become more before the group lets it.
/// </summary>
public sealed class HoldStories(ITestOutputHelper output) : HostFixture(output)
{
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private GroupingHypervisor _groups = null!;

    private void Start()
    {
        _groups = new(Hypervisor);
        StartHost(new HostSettings { Memory = MiB(2048), Trust = Trust.Enforced }, hypervisor: _groups);
        Create(Spec("vm", 128, 256, 1024));
        UntilForeseen("vm");
        Until("it is held to its claim", _ => _groups.Asked.OfType<VmBounds>().Any());
    }

    [Fact]
    public void Its_devices_are_told_when_its_group_lets_it_grow()
    {
        Start();
        _groups.Gate = _gate.Task;
        Guest("vm").Used = MiB(600);
        var told = _groups.Asked.OfType<MemorySize>().Count();
        Until("it is promised more", s => s.State.Vms[VmId.Parse("vm")].Promise.Granted > MiB(500));
        Go(TimeSpan.FromSeconds(1));
        Assert.Equal(told, _groups.Asked.OfType<MemorySize>().Count());

        _gate.SetResult();
        Until("it grows", _ => Guest("vm").Sizes.Actual > MiB(500));

        var most = MemorySize.Zero;
        foreach (var asked in _groups.Asked)
        {
            if (asked is VmBounds bounds)
                most = bounds.Claim;
            else
                Assert.True(MiB(256) + (MemorySize)asked <= most, $"told to plug {asked} while held to {most}");
        }
    }

    [Fact]
    public void One_that_can_not_be_held_is_not_trusted_and_grows_all_the_same()
    {
        Start();
        _gate.SetException(new HypervisorException("memory.high can't be written: no such file"));
        _groups.Gate = _gate.Task;
        Guest("vm").Used = MiB(600);
        Until("it grows", _ => Guest("vm").Sizes.Actual > MiB(500));

        Assert.Contains("notHeld", EventKinds());
        Assert.DoesNotContain("actorRestarted", EventKinds());
        var claim = Look().State.Ledger.Claims[VmId.Parse("vm")];
        Assert.Equal(Guest("vm").Sizes.Base, claim.Firm);
        _groups.Gate = Task.CompletedTask;
        Until("it is trusted again", s => s.State.Ledger.Claims[VmId.Parse("vm")].Firm.IsZero, TimeSpan.FromMinutes(1));
    }
}
