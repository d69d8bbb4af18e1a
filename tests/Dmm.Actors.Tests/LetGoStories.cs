using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// A VM that DMM was told to forget runs on: as long as it does, the memory that it may take is promised to nobody, and no other VM gets
/// its name.
/// </summary>
public sealed class LetGoStories(ITestOutputHelper output) : WatchedHostFixture(output)
{
    private static readonly VmId A = VmId.Parse("a");

    /// <summary>A VM has 512 MiB of 1300 and is let go, and another VM is requested under its name.</summary>
    /// <returns>The free memory while it was governed.</returns>
    private MemorySize AskedForUnderItsName()
    {
        StartWatched(1300);
        Create(Spec("a", 128, 512, 512));
        UntilRuns("a");
        var free = Look().State.Ledger.Free;
        Tell(new HostProtocol.ForgetVm(A));
        Create(Spec("a", 128, 256, 256));
        return free;
    }

    [Fact]
    public void What_a_vm_that_was_let_go_of_may_take_is_promised_to_nobody_while_it_runs()
    {
        StartWatched(1300);
        Create(Spec("a", 128, 512, 512));
        Create(Spec("b", 128, 256, 1200));
        UntilRuns("a", "b");
        Guest("b").Used = MiB(1100);
        Until("b has all that there is", s => s.State.Ledger.Free < MiB(16));
        var free = Look().State.Ledger.Free;
        Tell(new HostProtocol.ForgetVm(A));
        for (var i = 0; i < 100; i++)
        {
            Assert.True(
                Look().State.Ledger.Free <= free, $"{Look().State.Ledger.Free} are free after a VM that runs was let go of, {free} before");
            Assert.True(Guest("a").Sizes.Actual + Guest("b").Sizes.Actual + MiB(100) <= MiB(1300), "the host was promised twice");
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            // The next daemon knows of it from the journal.
            if (i == 50)
                RestartWatched();
        }

        Hypervisor.Kill(A);
        Until("what it held is another's", _ => Guest("b").Sizes.Actual > MiB(1000));
        Assert.Contains("letGoEnded", EventKinds());
    }

    /// <summary>Found by the simulation (seed 77003): a request under its name freed the memory that it held.</summary>
    [Fact]
    public void What_a_vm_that_was_let_go_of_may_take_stays_taken_though_another_is_asked_for_under_its_name()
    {
        var free = AskedForUnderItsName();
        Until("its launch has met the one that runs", s => s.State.Admissions.IsEmpty);
        Assert.Contains("admissionFailed", EventKinds());
        Assert.Equal(free, Look().State.Ledger.Free);
        Assert.Equal([A], Look().State.LetGo.Keys);

        Hypervisor.Kill(A);
        Create(Spec("a", 128, 256, 256));
        var status = UntilRuns("a");
        Assert.Empty(status.State.LetGo);
    }

    [Fact]
    public void A_launch_that_a_dead_daemon_had_begun_does_not_take_one_that_was_let_go_of_for_its_own()
    {
        var free = AskedForUnderItsName();
        Assert.Equal(AdmissionState.Launching, Look().State.Admissions[A].State);
        RestartWatched();
        var status = Until("it has found the one that runs", s => s.State.Admissions.IsEmpty);
        Assert.Contains("admissionFailed", EventKinds());
        Assert.Equal([A], status.State.LetGo.Keys);
        Assert.Equal((0, free), (status.State.Vms.Count, status.State.Ledger.Free));
    }

    [Fact]
    public void A_name_under_which_somebody_elses_vm_was_let_go_of_is_not_used_while_it_runs()
    {
        StartWatched(1300);
        Create(Spec("a", 128, 512, 512));
        UntilRuns("a");
        var handle = Look().State.Vms[A].Handle with { Owned = false };
        Tell(new HostProtocol.ForgetVm(A));
        Tell(new HostProtocol.AdoptVm(handle, new(MiB(128), MiB(512)), MiB(512), MiB(32)) { ReadAt = MomentNow });
        Tell(new HostProtocol.ForgetVm(A));
        Assert.Contains(
            "which DMM was told to forget, still runs", Assert.IsType<HostProtocol.Refused>(Create(Spec("a", 128, 256, 256))).Why,
            StringComparison.Ordinal);
        Host.Tell(new HostProtocol.DryRunVm(Spec("a", 128, 256, 256), MiB(32), default, null), TestActor);
        Assert.Contains("which DMM was told to forget, still runs", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vm_that_was_let_go_of_is_taken_up_again_although_the_host_is_full()
    {
        StartWatched(800);
        Create(Spec("a", 128, 300, 300));
        Create(Spec("b", 128, 300, 300));
        UntilRuns("a", "b");
        Assert.True(Look().State.Ledger.Free < MiB(100));
        var handle = Look().State.Vms[A].Handle with { Owned = false };
        Tell(new HostProtocol.ForgetVm(A));
        Clock.Advance(TimeSpan.FromSeconds(3));
        var elsewhere = handle with { Control = "/run/other.sock" };
        Host.Tell(new HostProtocol.AdoptVm(elsewhere, new(MiB(128), MiB(300)), MiB(40), MiB(32)) { ReadAt = MomentNow }, TestActor);
        Assert.Contains("which DMM was told to forget, still runs", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
        Tell(new HostProtocol.AdoptVm(handle, new(MiB(128), MiB(300)), MiB(300), MiB(32)) { ReadAt = MomentNow });
        var status = UntilRuns("a");
        Assert.Empty(status.State.LetGo);
        Assert.Equal(MiB(800), status.State.Ledger.HostMemory);
    }
}
