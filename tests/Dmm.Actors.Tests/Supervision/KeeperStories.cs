using Akka.Actor;
using Dmm.Actors.Supervision;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Supervision;

/// <summary>Failures of a running host's journal, on virtual time.</summary>
public sealed class KeeperStories : HostFixture
{
    private static readonly VmId Vm = VmId.Parse("vm");

    private readonly FakeStore _store;
    private readonly TaskCompletionSource<string> _gaveUp = new();
    private IActorRef _keeper = ActorRefs.Nobody;

    public KeeperStories(ITestOutputHelper output)
        : base(output) => _store = new(Faults);

    [Fact]
    public void What_can_not_be_written_is_refused_at_once_and_done_once_the_journal_is_mended()
    {
        StartKeeper();
        CreateVm();
        Faults.WriteFault = new InvalidOperationException("the disk is full");

        var refused = Assert.IsType<HostProtocol.Refused>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        Assert.Equal(HostProtocol.RefusalKind.Unavailable, refused.Kind);
        var broken = UntilKept(s => s.Journal!.Condition == JournalCondition.Broken);
        Assert.Contains("the disk is full", broken.Journal!.Problem);
        Assert.Equal(MiB(256), broken.State.Vms[Vm].Promise.Granted);
        for (var i = 0; i < 100; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            Assert.Equal(
                HostProtocol.RefusalKind.Unavailable, Assert.IsType<HostProtocol.Refused>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))))
                    .Kind);
        }

        Assert.Equal(MiB(256), Guest("vm").Sizes.Actual);
        Assert.Equal(0, _store.Mended);
        Faults.WriteFault = null;
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well);
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(512));

        var kinds = EventKinds();
        Assert.Equal(["journalBroken", "journalWell"], kinds.Where(k => k.StartsWith("journal", StringComparison.Ordinal)));
        Assert.Single(kinds, k => k == "vmLaunched");
    }

    [Fact]
    public async Task A_write_that_hangs_is_told_to_those_who_ask_and_goes_through_in_the_end()
    {
        StartKeeper();
        CreateVm();
        Faults.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = _keeper.Ask<object>(new KeeperProtocol.Change(new HostProtocol.ResizeVm(Vm, MiB(512))), TimeSpan.FromSeconds(30));
        var stalled = UntilKept(s => s.Journal!.Condition == JournalCondition.Stalled);
        Assert.Contains("nothing new is promised", stalled.Journal!.Problem);
        Assert.Equal(
            HostProtocol.RefusalKind.Unavailable,
            Assert.IsType<HostProtocol.Refused>(Change(new HostProtocol.StopVm(Vm, new(TimeSpan.Zero, Kill: true)))).Kind);

        var gate = Faults.Gate;
        Faults.Gate = null;
        gate.SetResult();
        Assert.IsType<HostProtocol.Done>(await first);
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(512));
        UntilKept(s => s.Journal!.Condition == JournalCondition.Slow);
        Clock.Advance(JournalHealth.Calm);
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.SetPolicy(Vm, null, null, 500)));
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well);
    }

    /// <summary>
    /// While a write hangs nothing new can be promised, but what was promised is carried out.
    /// </summary>
    [Fact]
    public async Task A_write_that_hangs_delays_no_relief_that_was_promised()
    {
        StartKeeper();
        CreateVm();
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(1024))));
        UntilKept(s => s.State.Vms[Vm].Promise.Granted == MiB(1024));
        Assert.True(Guest("vm").Sizes.Actual < MiB(1024), "it had what was promised before the write hung");
        Faults.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var hangs = _keeper.Ask<object>(
            new KeeperProtocol.Change(new HostProtocol.SetPolicy(Vm, null, null, 500)), TimeSpan.FromSeconds(30));
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(1024));
        Assert.Equal(JournalCondition.Stalled, UntilKept(s => s.Journal!.Condition == JournalCondition.Stalled).Journal!.Condition);
        Assert.False(hangs.IsCompleted, "it was promised before it was written");

        var gate = Faults.Gate;
        Faults.Gate = null;
        gate.SetResult();
        Assert.IsType<HostProtocol.Done>(await hangs);
    }

    /// <summary>What a VM has on lease was promised, and written, before its guest was in need.</summary>
    [Fact]
    public async Task A_write_that_hangs_delays_no_relief_of_a_guest_in_need()
    {
        StartLeased();
        Faults.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var hangs = _keeper.Ask<object>(
            new KeeperProtocol.Change(new HostProtocol.SetPolicy(Vm, null, null, 500)), TimeSpan.FromSeconds(30));
        Guest("vm").Used = MiB(250);
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(384));
        Assert.Equal(JournalCondition.Stalled, UntilKept(s => s.Journal!.Condition == JournalCondition.Stalled).Journal!.Condition);
        Assert.False(hangs.IsCompleted, "it had more before the write hung");

        // What the host decides as soon as it can takes the place of the lease.
        var gate = Faults.Gate;
        Faults.Gate = null;
        gate.SetResult();
        Assert.IsType<HostProtocol.Done>(await hangs);
        UntilKept(s => s.State.Vms[Vm].Promise is { Lease.IsZero: false, Granted: var granted } && granted > MiB(256));
        Assert.Contains("takesLease", EventKinds());
    }

    /// <summary>Then there is no host's actor at all: it ends with each failure, and starts anew after longer and longer waits.</summary>
    [Fact]
    public void A_journal_that_is_broken_delays_no_relief_of_a_guest_in_need()
    {
        StartLeased();
        Faults.WriteFault = new IOException("no space left on device");
        Change(new HostProtocol.ResizeVm(Vm, MiB(512)));
        UntilKept(s => s.Journal!.Condition == JournalCondition.Broken);
        Guest("vm").Used = MiB(250);
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(384));
        Faults.WriteFault = null;
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well && s.State.Vms[Vm].Promise.Granted > MiB(256));
    }

    [Fact]
    public void A_file_that_is_lost_is_written_anew_from_all_that_was_promised()
    {
        StartKeeper();
        CreateVm();
        _store.Lost = "journal.db was deleted";
        UntilKept(_ => _store.Mended == 1);
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well);
        var known = _store.Known!.Value.Aggregate(new HostState(new(MiB(4096), MiB(0))), (s, e) => s.Apply(e, Clocks.Read(Time)));
        Assert.Equal(MiB(256), known.Vms[Vm].Promise.Granted);
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        Assert.Contains("journalBegun", EventKinds());
    }

    [Fact]
    public async Task A_corrupt_journal_is_left_to_a_person()
    {
        StartKeeper();
        CreateVm();
        Faults.WriteFault = new JournalContentException("event 3 is missing");
        Change(new HostProtocol.ResizeVm(Vm, MiB(512)));
        Assert.Equal("event 3 is missing", await _gaveUp.Task.WaitAsync(TimeSpan.FromSeconds(10)));
        Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, _store.Mended);
    }

    [Fact]
    public void A_keeper_that_fails_takes_its_host_with_it_and_both_start_anew()
    {
        StartKeeper();
        CreateVm();
        _store.LookFault = new InvalidOperationException("nobody foresaw this");
        UntilKept(_ => _store.LookFault is null);
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well && s.State.Vms.ContainsKey(Vm));
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(512));
    }

    /// <summary>
    /// A promise is carried out even if the journal fails: the VM's actor and its connection do not depend on the journal.
    /// </summary>
    [Fact]
    public void A_journal_that_fails_stops_no_promise_that_was_made_and_no_vm_is_let_go_of()
    {
        var passed = new FaultyHypervisor(Hypervisor);
        StartKeeper(passed);
        CreateVm();
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        UntilKept(s => s.State.Vms[Vm].Promise.Granted == MiB(512));
        Faults.WriteFault = new InvalidOperationException("the disk is full");
        Change(new HostProtocol.SetPolicy(Vm, null, null, 500));
        UntilKept(s => s.Journal!.Condition == JournalCondition.Broken);

        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(512));
        Guest("vm").Used = MiB(100);
        Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, passed.Connections);

        Faults.WriteFault = null;
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well && s.Reports.ContainsKey(Vm) && s.Forecasts.ContainsKey(Vm));
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(300))));
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(300));
        Assert.Equal(1, passed.Connections);
        Assert.DoesNotContain("actorRestarted", EventKinds());
    }

    [Fact]
    public void A_vm_that_ends_while_the_journal_is_broken_has_ended_once_it_is_mended()
    {
        StartKeeper();
        CreateVm();
        Faults.WriteFault = new InvalidOperationException("the disk is full");
        Change(new HostProtocol.SetPolicy(Vm, null, null, 500));
        UntilKept(s => s.Journal!.Condition == JournalCondition.Broken);
        Hypervisor.Kill(Vm);
        Clock.Advance(TimeSpan.FromSeconds(5));

        Faults.WriteFault = null;

        UntilKept(s => s.Journal!.Condition == JournalCondition.Well && s.State.Vms.IsEmpty);
        Assert.Single(EventKinds(), kind => kind == "vmEnded");
    }

    [Fact]
    public void A_fault_of_the_hosts_actor_is_said_and_counted_and_it_starts_anew_with_waits_that_grow()
    {
        var passed = new FaultyHypervisor(Hypervisor);
        StartKeeper(passed);
        CreateVm();
        var waits = new List<TimeSpan>();
        for (var fault = 1; fault <= 3; fault++)
        {
            _keeper.Tell(new Nonsense());
            var broken = UntilKept(s => s.Journal!.Condition == JournalCondition.Broken);
            Assert.Contains("the host's actor has ended (ArgumentOutOfRangeException", broken.Journal!.Problem, StringComparison.Ordinal);
            Assert.Equal(fault > 1, broken.Journal.Problem!.Contains($"fault {fault} since the daemon started", StringComparison.Ordinal));
            var began = Clocks.MomentOf(Time);
            UntilKept(s => s.Journal!.Condition == JournalCondition.Well && s.Reports.ContainsKey(Vm));
            waits.Add(Clocks.MomentOf(Time) - began);
        }

        Assert.True(waits[2] > waits[0], $"it waited {string.Join(", ", waits)}");
        Assert.Equal(3, EventKinds().Count(kind => kind == "actorFailed"));
        Assert.Equal(1, passed.Connections);
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(512));
    }

    [Theory]
    [InlineData("predictor")]
    [InlineData("vms")]
    public async Task Whoever_else_ends_is_said_and_starts_anew(string name)
    {
        StartKeeper();
        CreateVm();
        var actor = await Sys.ActorSelection($"/user/dmm/{name}").ResolveOne(TimeSpan.FromSeconds(10));
        await WatchAsync(actor);
        Sys.Stop(actor);
        await ExpectTerminatedAsync(actor);

        UntilKept(_ => EventKinds().Contains("actorFailed"));
        UntilKept(s => s.Journal!.Condition == JournalCondition.Well && s.Reports.ContainsKey(Vm) && s.Forecasts.ContainsKey(Vm));
        Assert.IsType<HostProtocol.Done>(Change(new HostProtocol.ResizeVm(Vm, MiB(512))));
        UntilKept(_ => Guest("vm").Sizes.Actual == MiB(512));
    }

    private sealed record Nonsense : IHostCommand;

    [Fact]
    public void The_ledger_governs_before_any_vm_has_reported()
    {
        StartKeeper();
        CreateVm();
        Watch(_keeper);
        Sys.Stop(_keeper);
        ExpectTerminated(_keeper);

        StartKeeper();
        UntilKept(s => s.AllActors is not null);
        var kinds = EventKinds().SkipWhile(k => k != "recovered").ToList();
        Assert.True(kinds.IndexOf("inControl") >= 0 && kinds.IndexOf("inControl") < kinds.IndexOf("allActors"), string.Join(" ", kinds));
    }

    private void StartKeeper(IHypervisor? hypervisor = null, long cushion = 0) => _keeper = Sys.ActorOf(
        DmmActor.Props(HouseOf(new() { Memory = MiB(4096), Cushion = MiB(cushion) }, _store, hypervisor: hypervisor)), DmmActor.Name);

    /// <summary>A VM of 256 MiB at rest, with 128 MiB on lease.</summary>
    private void StartLeased()
    {
        StartKeeper(cushion: 256);
        CreateVm();
        UntilKept(s => s.State.Vms[Vm].Promise.Lease == MiB(128) && s.Reports[Vm].Lease == MiB(128));
    }

    protected override void GiveUp(string why) => _gaveUp.TrySetResult(why);

    private void CreateVm()
    {
        var spec = Spec("vm", 128, 256, 1024);
        Assert.IsType<HostProtocol.Done>(Change(new AdmissionProtocol.CreateVm(spec, Hypervisor.ExpectedOverhead(spec), null, [])));
        // The VM is at rest with its spark saved up: from here on none of its sizes changes by itself.
        UntilKept(s => s.Reports.TryGetValue(Vm, out var report) && report.Phase == VmPhase.Settled && report.Sizes is { } sizes
            && !sizes.Plugged.IsZero && sizes.Plugged == sizes.Ballooned && sizes.Plugged == sizes.PluggedTarget
            && sizes.Ballooned == sizes.BalloonedTarget);
    }

    private object Change(object command) => _keeper.Ask<object>(new KeeperProtocol.Change(command), TimeSpan.FromSeconds(30)).Result;

    /// <summary>
    /// Lets virtual time pass until the keeper's answer meets the condition. While a write hangs, the keeper's own clock must move for it
    /// to answer; otherwise this waits for the answer without moving the clock, since on a busy machine any write would look slow by that
    /// clock.
    /// </summary>
    private HostProtocol.Status UntilKept(Func<HostProtocol.Status, bool> condition)
    {
        object? last = null;
        for (var i = 0; i < 2_000; i++)
        {
            var answer = _keeper.Ask<object>(new KeeperProtocol.Look(), TimeSpan.FromSeconds(30));
            while (!answer.Wait(5))
            {
                if (Faults.Gate is not null)
                    Clock.Advance(TimeSpan.FromMilliseconds(50));
            }

            last = answer.Result;
            if (last is HostProtocol.Status status && condition(status))
                return status;
            Clock.Advance(TimeSpan.FromMilliseconds(50));
        }

        throw new Xunit.Sdk.XunitException($"not within the time; the last answer: {last}");
    }
}
