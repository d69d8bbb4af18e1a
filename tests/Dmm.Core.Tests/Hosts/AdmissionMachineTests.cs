using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>
/// The line of VMs to come: the answers that it gives, its deadlines, and that the host takes no step that was decided on another state
/// of the line.
/// </summary>
public sealed class AdmissionMachineTests
{
    private static readonly Clocks Now = new(Moment.Origin + TimeSpan.FromDays(1), Began);

    private readonly AdmissionMachine _machine = new(new() { Queue = 2 });
    private Admissions _line = new();

    [Fact]
    public void Who_asks_is_answered_when_it_is_written_down()
    {
        Assert.IsType<HostProtocol.RecordRequest>(Asked(Say(Create("a"), asker: "operator")));

        var answer = Assert.IsType<AdmissionEffect.Reply>(Assert.Single(Say(new AdmissionProtocol.Recorded(Id("a")))));
        Assert.Equal("operator", answer.Asker);
        Assert.IsType<HostProtocol.Done>(answer.Answer);
        Assert.Empty(Say(new AdmissionProtocol.Recorded(Id("a"))));
    }

    [Fact]
    public void A_name_that_is_being_written_down_is_in_use_and_counts_as_one_that_waits()
    {
        Say(Create("a"));
        Assert.Equal(HostProtocol.RefusalKind.Conflict, Refusal(Say(Create("a"))).Kind);
        Say(Create("b"));
        Assert.Contains("dmm.admission.queue", Refusal(Say(Create("c"))).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_request_frees_its_place()
    {
        Say(Create("a"));
        Say(Create("b"));
        var refusal = new HostProtocol.Refused(HostProtocol.RefusalKind.Refused, "no room");
        Assert.Equal(refusal, Refusal(Say(new AdmissionProtocol.RecordRefused(Id("a"), refusal))));
        Assert.IsType<HostProtocol.RecordRequest>(Asked(Say(Create("c"))));
    }

    [Fact]
    public void Each_deadline_of_those_that_seek_is_rung_and_no_other()
    {
        var host = Full();
        host.Request(Spec("late", boot: 200));
        host.Say(
            new HostProtocol.RecordRequest(Spec("later", boot: 200), MemorySize.Zero, MemorySize.Zero, host.Now.Now
                + TimeSpan.FromMinutes(5)));

        var first = Wake(Say(new AdmissionProtocol.HostIs(host.Host), now: host.Now));
        Assert.Equal(host.Now.Now + TimeSpan.FromMinutes(1), first);
        // A timer that fires a little early is set once more.
        host.Time = TimeSpan.FromSeconds(59.9);
        Assert.Equal(first, Wake(Say(new AdmissionProtocol.DeadlineCame(), now: host.Now)));
        host.Time = TimeSpan.FromSeconds(60);
        var effects = Say(new AdmissionProtocol.DeadlineCame(), now: host.Now);
        Assert.Equal(new HostProtocol.GiveUp(Id("late"), AdmissionEnd.Expired, ""), Asked(effects));
        Assert.Equal(first + TimeSpan.FromMinutes(4), Wake(effects));
    }

    [Fact]
    public void The_host_ends_none_before_its_deadline()
    {
        var host = Full();
        host.Request(Spec("waits", boot: 200));

        Assert.IsType<AdmissionProtocol.NotGivenUp>(host.Say(new HostProtocol.GiveUp(Id("waits"), AdmissionEnd.Expired, "")));
        host.Time = TimeSpan.FromMinutes(1);
        host.Say(new HostProtocol.GiveUp(Id("waits"), AdmissionEnd.Expired, ""));
        Assert.Equal(AdmissionEnd.Expired, Assert.IsType<AdmissionEnded>(host.Journal[^1]).End);
    }

    [Fact]
    public void A_step_that_was_decided_on_another_state_of_the_host_is_not_taken()
    {
        var host = new HostUnderTest(memoryMiB: 1024);
        host.Run(Spec("web"));
        var before = host.Host.Version;
        host.Adopt("theirs", ceiling: 300);
        var written = host.Journal.Count;

        host.Say(new HostProtocol.TakeSteps([new QueueMove.Reserve(Id("nobody"), MiB(256), MiB(256))], before));

        Assert.Equal(written, host.Journal.Count);
    }

    [Fact]
    public void Many_requests_of_one_moment_are_stepped_in_one_batch()
    {
        var host = new HostUnderTest(memoryMiB: 8192);
        foreach (var n in Enumerable.Range(0, 5))
            host.Request(Spec($"vm{n}"));
        Assert.Equal(5, host.Host.State.Admissions.Values.Count(a => a.State == AdmissionState.Launching));
    }

    [Fact]
    public void Who_calls_off_is_told_how_it_ended()
    {
        Say(new AdmissionProtocol.Cancel(Id("a")), asker: "operator");
        Assert.Equal(HostProtocol.RefusalKind.Conflict, Refusal(Say(new AdmissionProtocol.Cancel(Id("a")), asker: "another")).Kind);
        Assert.IsType<HostProtocol.Done>(
            Assert.IsType<AdmissionEffect.Reply>(Assert.Single(Say(new AdmissionProtocol.Finished(Id("a"), AdmissionEnd.Cancelled))))
                .Answer);

        Say(new AdmissionProtocol.Cancel(Id("b")));
        Assert.Contains("runs; stop it", Refusal(Say(new AdmissionProtocol.Finished(Id("b"), null))).Why, StringComparison.Ordinal);
        Say(new AdmissionProtocol.Cancel(Id("c")));
        Assert.Contains("it is launching; stop it once it runs", Refusal(Say(new AdmissionProtocol.NotGivenUp(Id("c"), "it is launching")))
            .Why, StringComparison.Ordinal);
    }

    private static HostUnderTest Full()
    {
        var host = new HostUnderTest(memoryMiB: 1024);
        host.Run(Spec("all", min: 800, boot: 900, max: 1000));
        return host;
    }

    private static AdmissionProtocol.CreateVm Create(string vm) => new(Spec(vm), MemorySize.Zero, null, []);

    private ImmutableArray<AdmissionEffect> Say(IAdmissionCommand command, object? asker = null, Clocks? now = null)
    {
        (_line, var effects) = _machine.Decide(_line, command, asker ?? "somebody", now ?? Now);
        return effects;
    }

    private static IHostCommand Asked(ImmutableArray<AdmissionEffect> effects) =>
        Assert.Single(effects.OfType<AdmissionEffect.AskHost>()).Command;

    private static Moment? Wake(ImmutableArray<AdmissionEffect> effects) => Assert.Single(effects.OfType<AdmissionEffect.WakeAt>()).At;

    private static HostProtocol.Refused Refusal(ImmutableArray<AdmissionEffect> effects) =>
        Assert.IsType<HostProtocol.Refused>(Assert.IsType<AdmissionEffect.Reply>(Assert.Single(effects)).Answer);
}
