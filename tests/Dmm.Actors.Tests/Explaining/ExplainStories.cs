using Akka.Actor;
using Dmm.Actors.Events;
using Dmm.Actors.Explaining;
using Dmm.Core;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Explaining;

/// <summary>The explanation of a VM's memory that an operator gets, on a host that runs.</summary>
public sealed class ExplainStories : HostFixture
{
    private readonly IActorRef _decisions;

    public ExplainStories(ITestOutputHelper output)
        : base(output) => _decisions = Sys.ListenerOf<Planned>(DecisionLogActor.Props(ExplainKeep.Default, Time), DecisionLogActor.Name);

    private Explanation Explain(string vm, DateTimeOffset? at = null) =>
        _decisions.Ask<Explanation>(new DecisionLogActor.Explain(VmId.Parse(vm), at), TimeSpan.FromSeconds(5)).Result;

    private Explanation UntilExplained(string what, string vm, Func<Explanation, bool> condition)
    {
        Explanation? explanation = null;
        Until(what, _ => condition(explanation = Explain(vm)));
        return explanation!;
    }

    private void Pass(double seconds)
    {
        for (var left = seconds; left > 0; left -= 0.1)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            Look();
        }
    }

    private void Resize(string name, long? mib)
    {
        Host.Tell(new HostProtocol.ResizeVm(VmId.Parse(name), mib is { } m ? MiB(m) : null), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }

    private static bool Has(Explanation e, HoldKind kind) => e.Decision?.Holds.Any(h => h.Kind == kind) == true;

    private static string Text(Explanation e) => string.Join('\n', ExplanationText.Of(e).Select(l => $"{l.Topic}: {l.Text}"));

    [Fact]
    public void Who_grew_names_who_paid_and_who_paid_names_who_got_it()
    {
        StartHost(memoryMiB: 1100);
        Create(Spec("giver", 128, 512, 1024));
        Create(Spec("taker", 128, 512, 1024));
        UntilRuns("giver", "taker");
        Guest("taker").Used = MiB(520);
        Until("it has grown", _ => Guest("taker").Sizes.Actual > MiB(650));
        Pass(3);

        var (got, gave) = (Explain("taker").Got!, Explain("giver").Gave!);
        Assert.Equal(VmId.Parse("giver"), got.Shares[0].Peer);
        Assert.Equal(VmId.Parse("taker"), gave.Shares[0].Peer);
        Assert.Equal(got.Shares[0].Size, gave.Shares.Single(s => s.Peer == VmId.Parse("taker")).Size);
        Assert.True(got.Total == got.Shares.Aggregate(MemorySize.Zero, (sum, s) => sum + s.Size));
        // The VM's grant above its boot size must have come from somebody.
        Assert.Equal(Look().State.Vms[VmId.Parse("taker")].Promise.Granted, MiB(512) + got.Total);
    }

    [Fact]
    public void It_tells_what_the_guest_said_what_was_foreseen_and_which_rule_bound()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 512, 1024));
        UntilRuns("vm");
        Guest("vm").Used = MiB(400);
        Pass(5);
        var decision = Explain("vm").Decision!;
        Assert.Equal(Guest("vm").Available, decision.Guest!.Available);
        Assert.True(decision.Forecast!.WorkingSet >= MiB(400));
        Assert.Equal(Look().State.Vms[VmId.Parse("vm")].Promise, decision.Promise);
        Assert.Equal(Guest("vm").Sizes.Actual, decision.Actual);
        Assert.Equal(Ruling.Keep, decision.Ruling);
    }

    [Fact]
    public void Growth_that_waits_says_for_whose_memory_and_a_stubborn_peer_why_it_does_not_come()
    {
        StartHost(memoryMiB: 1100);
        Create(Spec("mule", 128, 512, 1024));
        Create(Spec("taker", 128, 512, 1024));
        UntilRuns("mule", "taker");
        Pass(3);
        Guest("mule").Temper = GuestTemper.Stubborn;
        Guest("taker").Used = MiB(700);
        var waits = UntilExplained("it waits for the mule", "taker", e => Has(e, HoldKind.Peers));
        Assert.Contains(waits.Decision!.Holds.Single(h => h.Kind == HoldKind.Peers).From, g => g.Vm == VmId.Parse("mule"));
        Assert.True(Has(UntilExplained("the mule was asked", "mule", e => Has(e, HoldKind.Unconfirmed)), HoldKind.Unconfirmed));
        var stuck = UntilExplained("it is stuck", "mule", e => Has(e, HoldKind.Stuck));
        Assert.Contains("problem: stuck: ", Text(stuck), StringComparison.Ordinal);
        var given = UntilExplained("nobody counts on it", "mule", e => Has(e, HoldKind.Uncooperative));
        Assert.Equal(Ruling.Immovable, given.Decision!.Ruling);
    }

    [Fact]
    public void A_target_without_its_turn_says_since_when_it_waits()
    {
        StartHost(new HostSettings { Memory = MiB(20_000), Operations = new(Balloon: 4, Hotplug: 1) });
        Create(Spec("a", 128, 256, 8000));
        Create(Spec("b", 128, 256, 8000));
        UntilRuns("a", "b");
        Guest("a").Temper = GuestTemper.IgnoresPlug;
        Resize("a", 4000);
        Resize("b", 1000);
        var held = UntilExplained("b has no turn", "b", e => Has(e, HoldKind.Turn));
        Assert.NotNull(held.Decision!.Holds.Single(h => h.Kind == HoldKind.Turn).Since);
        Assert.True(Has(held, HoldKind.Operator));
        Assert.Contains("rule: operator: 1000 MiB was set by hand", Text(held), StringComparison.Ordinal);
        Resize("b", null);
        Assert.False(Has(UntilExplained("DMM decides again", "b", e => e.Decision?.OperatorTarget is null), HoldKind.Operator));
    }

    [Fact]
    public void Contention_is_told_as_a_shortage()
    {
        StartHost(memoryMiB: 1100);
        Create(Spec("a", 128, 400, 1024));
        Create(Spec("b", 128, 400, 1024));
        UntilRuns("a", "b");
        Guest("a").Used = MiB(800);
        Guest("b").Used = MiB(800);
        Assert.Equal(Ruling.FairShare, UntilExplained("there is too little for both", "b", e => Has(e, HoldKind.Shortage))
            .Decision!.Ruling);
    }

    [Fact]
    public void A_peers_law_is_named()
    {
        StartHost(new HostSettings { Memory = MiB(4096), Law = "static" });
        Create(Spec("small", 128, 256, 512));
        UntilRuns("small");
        var told = UntilExplained("static has decided", "small", e => Has(e, HoldKind.Policy));
        Assert.Equal((Ruling.Policy, "static"), (told.Decision!.Ruling, told.Decision.Holds.Single(h => h.Kind == HoldKind.Policy).Word));
    }

    [Fact]
    public void What_is_beyond_max_is_held_back_by_max()
    {
        StartHost(memoryMiB: 4096);
        Create(Spec("small", 128, 256, 320));
        UntilRuns("small");
        Guest("small").Used = MiB(250);
        Assert.Equal(MiB(320), UntilExplained("it is at its max", "small", e => Has(e, HoldKind.Max))
            .Decision!.Holds.Single(h => h.Kind == HoldKind.Max).Size);
    }

    [Fact]
    public void The_past_is_told_as_it_was_known_then()
    {
        StartHost(memoryMiB: 4096);
        Create(Spec("vm", 128, 256, 2048));
        UntilRuns("vm");
        Pass(2);
        var before = Clock.Now;
        Pass(1);
        Resize("vm", 1024);
        Until("it has grown", _ => Guest("vm").Sizes.Actual == MiB(1024));
        Pass(2);
        var past = Explain("vm", before);
        Assert.Equal(MiB(256), past.Decision!.Promise.Granted);
        Assert.False(Has(past, HoldKind.Operator));
        Assert.True(past.Decision.At.Wall <= before);
        Assert.Equal(MiB(1024), Explain("vm").Decision!.Promise.Granted);
        Assert.Null(Explain("vm", before - TimeSpan.FromDays(1)).Decision);
        Assert.NotNull(Explain("vm", before - TimeSpan.FromDays(1)).Since);
    }

    [Fact]
    public void A_vm_that_is_gone_is_not_told_of_now_but_of_before()
    {
        StartHost(memoryMiB: 4096);
        Create(Spec("vm", 128, 256, 2048));
        UntilRuns("vm");
        Pass(2);
        var then = Clock.Now;
        Pass(1);
        Host.Tell(new HostProtocol.StopVm(VmId.Parse("vm"), new(TimeSpan.Zero, Kill: true)), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Until("it has ended", s => s.State.Vms.IsEmpty);
        Create(Spec("other", 128, 256, 2048));
        UntilRuns("other");
        Pass(2);
        Assert.Null(Explain("vm").Decision);
        Assert.Equal(MiB(256), Explain("vm", then).Decision!.Promise.Granted);
    }

    [Fact]
    public void The_record_outlives_the_hosts_actor()
    {
        StartHost(memoryMiB: 4096);
        Create(Spec("vm", 128, 256, 2048));
        UntilRuns("vm");
        Pass(2);
        var then = Clock.Now;
        KillHost();
        Assert.NotNull(Explain("vm", then).Decision);
    }
}
