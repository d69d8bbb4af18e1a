using Akka.Actor;
using Dmm.Actors.Events;
using Dmm.Actors.Explaining;
using Dmm.Core;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// An operator or NTP sets the host's clock by minutes or hours, forward or back: no wait becomes shorter or longer, no VM is ended, and
/// everything that is to be reported is reported.
/// </summary>
public sealed class ClockStories : HostFixture
{
    private static readonly VmId Vm = VmId.Parse("vm");

    private readonly IActorRef _decisions;

    public ClockStories(ITestOutputHelper output)
        : base(output) => _decisions = Sys.ListenerOf<Planned>(DecisionLogActor.Props(ExplainKeep.Default, Time), DecisionLogActor.Name);

    /// <summary>In seconds: steps near DMM's own waits, and hours.</summary>
    public static TheoryData<int> Steps => [-86_400, -7_200, -3_600, -60, -1, 1, 130, 600, 7_200, 86_400];

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_guest_in_its_first_boot_has_the_time_that_it_is_given(int step)
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { Restart = RestartPolicy.Always });
        Until("it is launched", s => s.State.Vms.ContainsKey(Vm));
        Go(TimeSpan.FromSeconds(2));

        Set(step);
        Go(TimeSpan.FromSeconds(100));

        Assert.Contains(Vm, Look().State.Vms.Keys);
        Guest("vm").Mute = false;
        UntilRuns("vm");
        Assert.DoesNotContain("bootFailed", EventKinds());
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_vm_that_has_just_moved_gives_what_it_is_asked_for(int step)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 384, 512));
        UntilForeseen("vm");
        Resize(480);
        Until("it has grown", _ => Guest("vm").Sizes.Actual == MiB(480));

        Set(step);
        Resize(200);

        Until("it has shrunk", _ => Guest("vm").Sizes.Actual == MiB(200), TimeSpan.FromSeconds(15));
        Assert.DoesNotContain(Look().Reports.Values, r => r.Phase is VmPhase.Stuck or VmPhase.Uncooperative);
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void Peers_make_room_for_a_new_vm(int step)
    {
        StartHost(memoryMiB: 1120);
        Create(Spec("a", 128, 512, 1024));
        Create(Spec("b", 128, 512, 1024));
        UntilForeseen("a", "b");

        Set(step);
        Assert.IsType<HostProtocol.Done>(Create(Spec("new", 128, 384, 512)));

        Until("it runs", s => s.State.Vms.ContainsKey(VmId.Parse("new")), TimeSpan.FromSeconds(15));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_request_waits_as_long_as_it_is_to(int step)
    {
        StartHost(memoryMiB: 700);
        BusyPeer();
        Assert.IsType<HostProtocol.Done>(Create(Spec("vm", 128, 256, 512), TimeSpan.FromSeconds(60)));
        Go(TimeSpan.FromSeconds(5));

        Set(step);
        Go(TimeSpan.FromSeconds(50));

        Assert.Contains(Vm, Look().State.Admissions.Keys);
        Until("it is over", s => s.State.Admissions.IsEmpty, TimeSpan.FromSeconds(7));
        Assert.Contains("admissionExpired", EventKinds());
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_vm_that_is_to_return_returns_in_its_time(int step)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512) with { Restart = RestartPolicy.Always });
        UntilRuns("vm");
        Hypervisor.Kill(Vm);
        Until("it is to return", s => s.State.Resting.ContainsKey(Vm));

        Set(step);

        Until("it runs again", s => s.State.Vms.ContainsKey(Vm), TimeSpan.FromSeconds(5));
    }

    /// <summary>
    /// The times in the journal are those of a clock that shows another time now: a wait may begin anew, or be over, but never lasts
    /// longer than it was meant to.
    /// </summary>
    [Theory]
    [MemberData(nameof(Steps))]
    public void What_the_journal_has_waiting_waits_no_longer_after_a_step_while_no_daemon_ran(int step)
    {
        StartHost(memoryMiB: 800);
        BusyPeer();
        Create(Spec("vm", 128, 128, 128) with { Restart = RestartPolicy.Always, Priority = 200 });
        UntilRuns("vm");
        Assert.IsType<HostProtocol.Done>(Create(Spec("waits", 256, 256, 512), TimeSpan.FromSeconds(60)));
        Go(TimeSpan.FromSeconds(1));
        Hypervisor.Kill(Vm);
        Until("it is to return", s => s.State.Resting.ContainsKey(Vm));
        KillHost();

        Set(step);
        StartHost(memoryMiB: 800);

        Until("it runs again", s => s.State.Vms.ContainsKey(Vm), TimeSpan.FromSeconds(5));
        Until("nothing waits any more", s => s.State.Admissions.IsEmpty, TimeSpan.FromSeconds(62));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void Why_a_vm_has_what_it_has_is_told_now_and_of_before(int step)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilForeseen("vm");
        Go(TimeSpan.FromSeconds(3));
        var before = Time.GetUtcNow();
        Go(TimeSpan.FromSeconds(3));

        Set(step);
        Go(TimeSpan.FromSeconds(2));

        var explained = Explain();
        Assert.NotNull(explained.Decision);
        var age = explained.At.Now - explained.Decision.Guest!.At;
        Assert.InRange(age.TotalSeconds, 0, 3);
        var then = Explain(before);
        Assert.NotNull(then.Decision);
        Assert.True(before <= then.Until);
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void What_is_foreseen_is_neither_old_at_once_nor_young_for_ever(int step)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilForeseen("vm");
        Guest("vm").Mute = true;
        Go(TimeSpan.FromSeconds(2));

        Set(step);
        Go(TimeSpan.FromSeconds(2));
        Assert.NotNull(Explain().Decision!.Forecast);

        Go(TimeSpan.FromMinutes(4));
        Assert.Null(Explain().Decision!.Forecast);
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_vm_that_ran_for_a_moment_returns_with_a_longer_wait(int step)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512) with { Restart = RestartPolicy.Always });
        List<double> waits = [];
        for (var life = 0; life < 3; life++)
        {
            UntilRuns("vm");
            Set(step);
            Hypervisor.Kill(Vm);
            var rests = Until("it is to return", s => s.State.Resting.ContainsKey(Vm)).State.Resting[Vm];
            waits.Add((rests.ReturnAt!.Value - rests.Since).TotalSeconds);
        }

        Assert.Equal([1, 2, 4], waits);
    }

    /// <summary>Creates a peer that can spare nothing.</summary>
    private void BusyPeer()
    {
        Create(Spec("peer", 128, 512, 512));
        UntilForeseen("peer");
        Guest("peer").Used = MiB(490);
        Go(TimeSpan.FromSeconds(3));
    }

    private void Set(int seconds) => Time.Step(TimeSpan.FromSeconds(seconds));

    private Explanation Explain(DateTimeOffset? at = null) =>
        _decisions.Ask<Explanation>(new DecisionLogActor.Explain(Vm, at), TimeSpan.FromSeconds(5)).Result;

    private void Resize(long mib)
    {
        Host.Tell(new HostProtocol.ResizeVm(Vm, MiB(mib)), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }
}
