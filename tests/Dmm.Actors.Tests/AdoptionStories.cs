using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>A VM that runs is adopted once, under one name, and only if all guarantees still fit together.</summary>
public sealed class AdoptionStories(ITestOutputHelper output) : WatchedHostFixture(output)
{
    private static readonly VmId A = VmId.Parse("a");
    private static readonly VmId B = VmId.Parse("b");

    private string Refused(HostProtocol.AdoptVm adopt)
    {
        Host.Tell(adopt, TestActor);
        return ExpectMsg<HostProtocol.Refused>().Why;
    }

    private HostProtocol.AdoptVm Adopt(VmHandle handle, string name, long min = 128) =>
        new(handle with { Id = VmId.Parse(name), Owned = false }, new(MiB(min), MiB(2048)), MiB(256), MiB(32)) { ReadAt = MomentNow };

    private VmHandle Runs(string name, int? pid = null)
    {
        Create(Spec(name, 128, 256, 512));
        UntilRuns(name);
        var handle = Look().State.Vms[VmId.Parse(name)].Handle;
        return pid is null ? handle : handle with { Pid = pid, PidStart = 77 };
    }

    [Fact]
    public void A_process_that_is_governed_is_not_taken_in_under_another_name_nor_after_a_restart()
    {
        StartWatched(4096);
        var handle = Runs("a");
        var before = Look().State.Ledger;
        Assert.EndsWith("is governed as a already", Refused(Adopt(handle, "b")), StringComparison.Ordinal);
        RestartWatched();
        UntilRuns("a");
        Assert.EndsWith("is governed as a already", Refused(Adopt(handle, "b")), StringComparison.Ordinal);
        Assert.Equal(before.Claimed, Look().State.Ledger.Claimed);
        Assert.Equal([A], Look().State.Vms.Keys);
    }

    [Fact]
    public void Two_sockets_of_one_process_are_one_vm_and_of_two_that_ask_at_once_one_is_refused()
    {
        StartWatched(4096);
        var process = Runs("x") with { Pid = 4711, PidStart = 77, BootId = "boot" };
        Host.Tell(Adopt(process with { Control = "/run/f.q" }, "f1"), TestActor);
        Host.Tell(Adopt(process with { Control = "/run/f.eye" }, "f2"), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Assert.Equal("process 4711 is governed as f1 already", ExpectMsg<HostProtocol.Refused>().Why);

        // Another process behind the socket of a process that has ended is another VM.
        Tell(Adopt(process with { Control = "/run/f.eye", Pid = 4712 }, "f3"));
    }

    [Theory]
    [InlineData("/run/a.q", true)]
    [InlineData("/run/operator.q", true)]
    [InlineData("/run/c.q", false)]
    public void Where_the_process_is_not_known_its_control_socket_tells(string socket, bool same)
    {
        StartWatched(4096);
        var handle = Runs("x") with { Control = "/run/a.q", OperatorSocket = "/run/operator.q" };
        // Both requests come at once: a VM that is adopted here has no process behind it, and ends.
        Host.Tell(Adopt(handle, "f1"), TestActor);
        Host.Tell(Adopt(handle with { Control = socket, OperatorSocket = null }, "f2"), TestActor);
        ExpectMsg<HostProtocol.Done>();
        if (same)
            Assert.Equal($"the VM at {socket} is governed as f1 already", ExpectMsg<HostProtocol.Refused>().Why);
        else
            ExpectMsg<HostProtocol.Done>();
    }

    [Fact]
    public void One_whose_launch_is_under_way_is_not_taken_in_under_another_name()
    {
        StartWatched(4096);
        Create(Spec("a", 128, 256, 512));
        Until("it is launched", s => s.State.Admissions.TryGetValue(A, out var a) && a.State == Core.Admission.AdmissionState.Launching);
        var handle = new VmHandle(B, "simulation", MiB(256), "/run/x", 5, 6, "boot", Owned: false);
        Assert.Equal("process 5 is governed as a already", Refused(Adopt(handle, "b") with { LaunchedAs = A }));
        UntilRuns("a");
    }

    [Fact]
    public void A_guarantee_that_does_not_fit_is_refused_alike_for_one_that_is_adopted_created_or_set()
    {
        StartWatched(2048);
        var handle = Runs("a") with { Control = "/run/other" };
        Assert.Equal(
            "b: min 1.75 GiB can't be guaranteed: with the peers' mins, this host lacks 36 MiB",
            Refused(Adopt(handle, "b", min: 1792)));

        // All requests come at once: a VM that is adopted here has no process behind it, and ends.
        Host.Tell(Adopt(handle, "b", min: 1200), TestActor);
        Host.Tell(Adopt(handle with { Control = "/run/third" }, "c", min: 600), TestActor);
        Host.Tell(new HostProtocol.SetPolicy(A, MiB(700), MiB(1024), null), TestActor);
        Host.Tell(new HostProtocol.DryRunVm(Spec("d", 700, 700, 700), MiB(32), MemorySize.Zero, null), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Assert.Contains("can't be guaranteed: with the peers' mins", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
        Assert.Contains("can't be guaranteed: with the peers' mins", ExpectMsg<HostProtocol.Refused>().Why, StringComparison.Ordinal);
        Assert.Equal(Core.Admission.Prospect.Refused, ExpectMsg<HostProtocol.DryRunResult>().Prospect);
    }
}
