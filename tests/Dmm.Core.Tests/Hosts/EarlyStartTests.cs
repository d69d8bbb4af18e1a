using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Hosts;

/// <summary>A VM that was started early and ended before its guest was heard of may have had too little memory: its end says so.</summary>
public sealed class EarlyStartTests
{
    private static readonly VmId Id = VmId.Parse("a");
    private static readonly Clocks Now = new(Moment.Origin + TimeSpan.FromHours(1), DateTimeOffset.UnixEpoch);

    [Fact]
    public void With_a_restart_policy_it_waits_for_all_of_its_memory_the_next_time_and_says_so()
    {
        var rested = Assert.IsType<VmRested>(End(Vm(RestartPolicy.Always, BootPolicy.Early, launchedWith: 160)));
        Assert.Equal(BootPolicy.Full, rested.Spec.BootPolicy);
        Assert.Equal(
            "it ended before its guest reported: QEMU's process ended; it was started early with 160 MiB of the 700 MiB that it asked to "
                + "boot with, which may be too little; it waits for all of that the next time",
            rested.Why);
    }

    [Fact]
    public void Without_one_its_end_names_the_early_start_and_the_way_out()
    {
        var ended = Assert.IsType<VmEnded>(End(Vm(RestartPolicy.Never, BootPolicy.Early, launchedWith: 160)));
        Assert.Equal(
            "it ended before its guest reported: QEMU's process ended; it was started early with 160 MiB of the 700 MiB that it asked to "
                + "boot with, which may be too little; with the boot policy full it would wait for all of that",
            ended.Why);
    }

    [Fact]
    public void A_reason_that_names_it_already_says_only_what_comes_next()
    {
        var why = BootWatch.Words(
            BootVerdict.End, everBooted: false, TimeSpan.FromSeconds(120), channel: true, balloon: true,
            (MemorySize.FromMiB(160), MemorySize.FromMiB(700)));
        var rested = Assert.IsType<VmRested>(
            HostEnds.EndOf(Vm(RestartPolicy.Always, BootPolicy.Early, 160), EndCause.NeverBooted, why, new(), Now));
        Assert.Equal($"{why}; it waits for all of that the next time", rested.Why);
    }

    [Theory]
    [InlineData(BootPolicy.Full, 700)]
    [InlineData(BootPolicy.Early, 700)]
    public void One_that_had_all_of_its_memory_is_not_said_to_have_had_too_little(BootPolicy policy, int launchedWith)
    {
        var rested = Assert.IsType<VmRested>(End(Vm(RestartPolicy.Always, policy, launchedWith)));
        Assert.Equal(policy, rested.Spec.BootPolicy);
        Assert.Equal("it ended before its guest reported: QEMU's process ended", rested.Why);
    }

    [Fact]
    public void One_that_has_booted_before_may_start_early_again()
    {
        var vm = Vm(RestartPolicy.Always, BootPolicy.Early, launchedWith: 160) with { BootedBefore = true };
        Assert.Equal(BootPolicy.Early, Assert.IsType<VmRested>(End(vm)).Spec.BootPolicy);
    }

    private static IHostEvent End(VmRecord vm) => HostEnds.Ended(vm, EndCause.Failed, "QEMU's process ended", new(), Now);

    private static VmRecord Vm(RestartPolicy restart, BootPolicy boot, int launchedWith)
    {
        var base0 = MemorySize.FromMiB(launchedWith);
        var policy = new VmPolicy(MemorySize.FromMiB(64), MemorySize.FromGiB(1));
        var spec = new VmSpec { Id = Id, Policy = policy, Boot = MemorySize.FromMiB(700), BootPolicy = boot, Restart = restart };
        return new(
            policy, new(Id, "qemu", base0, "/c", 7, null, null, Owned: true), new Promise(base0, base0), MemorySize.FromMiB(64), spec,
            null, null);
    }
}
