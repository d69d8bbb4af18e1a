using System.Text;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests.Serialization;

public sealed class JournalFormat : TestKit
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly Clocks Later = new(Moment.Origin + TimeSpan.FromHours(1), At.AddHours(1));
    private static readonly VmId Vm = VmId.Parse("web");
    private static readonly MemorySize Size = MemorySize.FromMiB(256);

    private static readonly VmSpec Spec = new()
    {
        Id = Vm,
        Policy = new(Size, MemorySize.FromGiB(1), 500),
        Boot = Size,
        Cpus = 2,
        Medium = new BootMedium.KernelBoot("/boot/vmlinuz", "/boot/initrd", "quiet"),
        Network = VmNetwork.User,
        Channels = [new("org.example.0", "/run/example.sock")],
    };

    private static readonly VmHandle Handle = new(Vm, "qemu", Size, "/s/qmp.sock", 4711, 12345, "boot", true)
    {
        OperatorSocket = "/s/operator-qmp.sock",
        AgentSocket = "/s/agent.sock",
        ConsoleSocket = "/s/console.sock",
    };

    private static readonly IHostEvent[] Examples =
    [
        new JournalBegun(At, "it was deleted"),
        new VmRequested(At, Spec, Size, At.AddSeconds(60)),
        new AdmissionPlanned(
            At, Vm, new(Size, [new(VmId.Parse("db"), Size, Size.Scale(0.5), GiveKind.PastUse)], TimeSpan.FromSeconds(2), true), false),
        new AdmissionWaits(At, Vm, WaitCause.PeersCanNot, "its peers use it"),
        new MemoryReserved(At, Vm, Size, Size + Size),
        new LaunchBegun(At, Vm, Size),
        new VmLaunched(At, Vm, Handle),
        new AdmissionEnded(At, Vm, AdmissionEnd.Expired, "too late"),
        new VmAdopted(At, Spec.Policy, Handle, Size, Size),
        new PolicySet(At, Vm, Spec.Policy),
        new OperatorTargetSet(At, Vm, null),
        new PromisesChanged(At, [new(Vm, Size, Size, true, Ruling.GivesSlack)]),
        new StopAsked(At, Vm, TimeSpan.FromSeconds(30)) { Kill = true },
        new VmEnded(At, Vm, "shut down") { Cause = EndCause.PoweredDown },
        new VmForgotten(At, Vm) { Handle = Handle, Held = Size },
        new LetGoEnded(At, Vm),
        new VmBooted(At, Vm),
        new RestartSet(At, Vm, RestartPolicy.OnFailure),
        new StopGivenUp(At, Vm, "its guest did not power down"),
        new StopWithdrawn(At, Vm),
        new OverheadMeasured(At, Vm, Size),
        new VmIdentified(At, Vm, Handle with { Pid = 4712, Proved = true }),
        new VmMigratedAway(At, Vm),
        new VmMigrationUndone(At, Vm),
        new VmRested(
            At, Spec with { Restart = RestartPolicy.Always, BootCheck = BootCheck.None, Priority = 7 }, Size, EndCause.HostRestarted,
            "the host has restarted", At, 3),
        new HostDrainBegun(At, At.AddSeconds(120), true, true, "boot", [Vm]) { Since = At },
        new HostDrainEnded(At, "an operator takes it back into service"),
    ];

    [Fact]
    public void What_earlier_releases_wrote_of_a_vm_that_returns_or_rests_means_that_it_has_booted()
    {
        var empty = new HostState(new Ledger(MemorySize.FromGiB(8), MemorySize.Zero));
        IHostEvent[] old = [.. new IHostEvent[]
        {
            new VmRested(At, Spec with { Restart = RestartPolicy.Always }, Size, EndCause.Failed, "killed", At, 3),
            new VmRequested(At, Spec with { Restart = RestartPolicy.Always }, Size, At) { Tries = 3 },
            new LaunchBegun(At, Vm, Size + Size),
            new VmLaunched(At, Vm, Handle),
        }.Select(
            e => (IHostEvent)HostEventJson.Read(
                Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(HostEventJson.Write(e)).Replace(",\"neverBooted\":false", "")),
                HostEventJson.NameOf(e)))];

        var state = old.Aggregate(empty, (s, e) => s.Apply(e, new(Core.Moment.Origin, At)));

        Assert.True(state.Vms[Vm].EverBooted);
        var first = new IHostEvent[] { new VmRequested(At, Spec, Size, At), old[2], old[3] }.Aggregate(
            empty, (s, e) => s.Apply(e, new(Core.Moment.Origin, At)));
        Assert.False(first.Vms[Vm].EverBooted);
    }

    private HostEventSerializer Serializer => new((ExtendedActorSystem)Sys);

    [Fact]
    public void Every_kind_of_event_has_a_name_in_the_journal_and_an_example_here()
    {
        var kinds = typeof(IHostEvent).Assembly.GetTypes().Where(t => typeof(IHostEvent).IsAssignableFrom(t) && !t.IsInterface).ToHashSet();
        Assert.Equal(kinds, HostEventJson.Manifests.Values.ToHashSet());
        Assert.Equal(kinds, Examples.Select(e => e.GetType()).ToHashSet());
    }

    [Fact]
    public void Events_come_back_as_they_were_written()
    {
        foreach (var example in Examples)
        {
            var back = Serializer.FromBinary(Serializer.ToBinary(example), Serializer.Manifest(example));
            if (example is PromisesChanged changed)
                Assert.Equal(changed.Changes.AsEnumerable(), Assert.IsType<PromisesChanged>(back).Changes);
            else if (example is HostDrainBegun drain && back is HostDrainBegun same)
                Assert.Equal((drain with { Vms = [] }, drain.Vms.Single()), (same with { Vms = [] }, same.Vms.Single()));
            else
                Assert.Equal(example, back);
        }
    }

    [Fact]
    public void What_an_operator_reads_is_plain_json() => Assert.Equal(
        """{"at":"2026-11-24T12:00:00+00:00","changes":[{"vm":"web","granted":268435456,"target":268435456,"""
        + "\"urgent\":true,\"ruling\":\"givesSlack\"}]}",
        Encoding.UTF8.GetString(Serializer.ToBinary(Examples.First(e => e is PromisesChanged))));

    [Fact]
    public void An_event_of_a_later_release_is_refused_by_name()
    {
        var fault = Assert.ThrowsAny<Exception>(() => Serializer.FromBinary("{}"u8.ToArray(), "vm-teleported-9"));
        Assert.Contains("vm-teleported-9", fault.Message);
    }

    [Fact]
    public void Who_was_let_go_of_and_has_ended_holds_nothing_at_replay()
    {
        IHostEvent[] history = [new VmAdopted(At, Spec.Policy, Handle, Size, Size), new VmForgotten(At, Vm), new LetGoEnded(At, Vm)];
        var state = history[..2].Aggregate(new HostState(new Ledger(MemorySize.FromGiB(8), MemorySize.Zero)), (s, e) => s.Apply(e, Later));
        Assert.Equal(Size + Size, state.Ledger.Committed);
        state = state.Apply(history[2], Later);
        Assert.Empty(state.LetGo);
        Assert.Equal(MemorySize.Zero, state.Ledger.Committed);
    }

    [Fact]
    public void What_was_set_aside_stays_a_reservation_at_replay_although_who_was_let_go_of_is_not_yet_seen_to_be_gone()
    {
        var (loose, next) = (VmId.Parse("loose"), Spec with { Id = VmId.Parse("next") });
        IHostEvent[] history =
        [
            new VmAdopted(At, Spec.Policy, Handle with { Id = loose }, MemorySize.FromMiB(900), MemorySize.Zero),
            new VmForgotten(At, loose),
            // The host has restarted, which no event records; then the VM's memory was reserved.
            new VmRequested(At, next, Size, At),
            new MemoryReserved(At, next.Id, Size, Size + Size),
        ];
        var state = history.Aggregate(new HostState(new Ledger(MemorySize.FromGiB(1), MemorySize.Zero)), (s, e) => s.Apply(e, Later));
        Assert.Equal(Size + Size, state.Ledger.Reservations[next.Id]);
        Assert.Empty(state.Ledger.Claims);
        Assert.False(state.Ledger.Deficit.IsZero);
        Assert.True(state.Gone(loose).Ledger.Deficit.IsZero);
    }

    [Fact]
    public void A_snapshot_leads_to_the_state_that_it_was_made_of()
    {
        var empty = new HostState(new Ledger(MemorySize.FromGiB(8), MemorySize.Zero));
        IHostEvent[] history =
        [
            Examples[1], new LaunchBegun(At, Vm, Size + Size), Examples.First(e => e is VmLaunched),
            new PromisesChanged(At, [new(Vm, MemorySize.FromMiB(512), MemorySize.FromMiB(128), false, default)]),
            new OperatorTargetSet(At, Vm, MemorySize.FromMiB(128)),
            new VmBooted(At.AddSeconds(9), Vm),
            new StopAsked(At, Vm, TimeSpan.FromSeconds(5)),
            new StopGivenUp(At, Vm, "it did not power down"),
            new VmMigratedAway(At, Vm),
            new VmRested(
                At, Spec with { Id = VmId.Parse("mute") }, Size, EndCause.NeverBooted, "silent", At.AddSeconds(8),
                1) { NeverBooted = true },
            new VmRested(
                At, Spec with { Id = VmId.Parse("mute2") }, Size, EndCause.NeverBooted, "silent", At.AddSeconds(8),
                1) { NeverBooted = true },
            new VmRequested(At, Spec with { Id = VmId.Parse("mute2") }, Size, At) { Tries = 1, NeverBooted = true, Number = 9 },
            new VmRested(
                At, Spec with { Id = VmId.Parse("rests"), Restart = RestartPolicy.Always }, Size, EndCause.Failed, "killed",
                At.AddSeconds(8), 3),
            new VmRested(
                At, Spec with { Id = VmId.Parse("back"), Restart = RestartPolicy.Always }, Size, EndCause.Failed, "killed",
                At.AddSeconds(8), 4),
            new VmRequested(At, Spec with { Id = VmId.Parse("back"), Restart = RestartPolicy.Always }, Size, At) { Tries = 4 },
            new VmRequested(At, Spec with { Id = VmId.Parse("next") }, Size, At),
            new AdmissionWaits(At, VmId.Parse("next"), WaitCause.BehindOthers, "others are before it"),
            new MemoryReserved(At, VmId.Parse("next"), MemorySize.FromMiB(300), MemorySize.FromMiB(556)),
            new LaunchBegun(At, VmId.Parse("next"), MemorySize.FromMiB(556)),
            new VmRequested(At, Spec with { Id = VmId.Parse("third"), Priority = 7, BootPolicy = BootPolicy.Early }, Size, At)
            {
                Number = 5,
                ImageNeeds = Size,
            },
            new AdmissionPlanned(
                At.AddSeconds(1), VmId.Parse("third"),
                new(Size, [new(Vm, Size, MemorySize.FromMiB(100), GiveKind.Slack)], TimeSpan.FromSeconds(2), false), false),
            new VmAdopted(At, Spec.Policy, Handle with { Id = VmId.Parse("loose"), Pid = 4712 }, Size, Size),
            new VmForgotten(At, VmId.Parse("loose")),
            .. Drains(),
        ];
        var state = history.Aggregate(empty, (s, e) => s.Apply(e, Later));
        var snapshot = new HostSnapshot(state.Condense(Later));
        var back = (HostSnapshot)Serializer.FromBinary(Serializer.ToBinary(snapshot), Serializer.Manifest(snapshot));
        var again = back.Events.Aggregate(empty, (s, e) => s.Apply(e, Later));
        Assert.Equal(state.Vms, again.Vms);
        Assert.Equal(state.Admissions, again.Admissions);
        Assert.Equal(state.Resting, again.Resting);
        Assert.Equal(state.LetGo, again.LetGo);
        Assert.Equal(state.Drain, again.Drain);
        Assert.Equal(
            [null, VmDrain.Asked, VmDrain.RunsOn, VmDrain.RunsOn],
            new[] { "theirs", "asked", "runs-on", "runs-on-2" }.Select(vm => again.Vms[VmId.Parse(vm)].Drain));
        Assert.True(again.Drain!.Since < again.Drain.OrderedAt && again.Resting[VmId.Parse("drained")].Drained);
        Assert.Equal(Size + Size, again.Ledger.LetGo[VmId.Parse("loose")]);
        Assert.True(again.Vms[Vm] is { Unwanted: true, MigratedAway: true });
        Assert.True(again.Resting[VmId.Parse("mute")].NeverBooted && again.Admissions[VmId.Parse("mute2")].NeverBooted);
        Assert.Equal(state.Ledger.Committed, again.Ledger.Committed);
        Assert.Equal(MemorySize.FromMiB(512), again.Vms[Vm].Promise.Granted);
    }

    /// <summary>A drain that was ordered twice, with a VM for each way in which it can stand.</summary>
    private static IEnumerable<IHostEvent> Drains()
    {
        VmId[] vms = [.. new[] { "theirs", "asked", "runs-on", "runs-on-2" }.Select(VmId.Parse)];
        foreach (var (i, vm) in vms.Index())
            yield return new VmAdopted(At, Spec.Policy, Handle with { Id = vm, Pid = 5000 + i }, Size, Size);
        yield return new HostDrainBegun(At, At.AddSeconds(60), false, true, "boot", [.. vms[1..]]);
        yield return new StopGivenUp(At.AddSeconds(60), vms[2], "late");
        yield return new HostDrainBegun(At.AddSeconds(70), At.AddSeconds(130), true, true, "boot", [.. vms[1..]]);
        yield return new StopGivenUp(At.AddSeconds(130), vms[2], "late");
        yield return new StopGivenUp(At.AddSeconds(130), vms[3], "late");
        yield return new StopAsked(At.AddSeconds(140), vms[3], TimeSpan.FromSeconds(5)) { Kill = true };
        yield return new VmRested(At, Spec with { Id = VmId.Parse("drained") }, Size, EndCause.Drained, "powered down", null, 0)
        {
            Drained = true,
        };
    }

    /// <summary>
    /// The host's clock was set while no daemon ran, and again before the snapshot is read: no wait ever takes longer than it was meant
    /// to.
    /// </summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(-7_200, 0)]
    [InlineData(0, -7_200)]
    [InlineData(-1_000_000_000, 1_000_000_000)]
    [InlineData(2, -600)]
    [InlineData(600, -5)]
    public void No_step_of_the_hosts_clock_stretches_what_the_journal_has_waiting(double step, double next)
    {
        var rests = VmId.Parse("rests");
        IHostEvent[] history =
        [
            new VmRested(
                At, Spec with { Id = rests, Restart = RestartPolicy.Always }, Size, EndCause.Failed, "killed", At.AddSeconds(8), 3),
            new VmRequested(At, Spec, Size, At.AddSeconds(60)),
            new AdmissionWaits(At.AddSeconds(1), Vm, WaitCause.PeersCanNot, "its peers use it"),
        ];
        var empty = new HostState(new Ledger(MemorySize.FromGiB(8), MemorySize.Zero));
        var first = new Clocks(Moment.Origin + TimeSpan.FromHours(1), At.AddSeconds(2 + step));
        var state = history.Aggregate(empty, (s, e) => s.Apply(e, first));
        Bounded(state, first);

        var second = new Clocks(first.Now + TimeSpan.FromSeconds(1), first.Wall.AddSeconds(1 + next));
        Bounded(state.Condense(first).Aggregate(empty, (s, e) => s.Apply(e, second)), second);

        void Bounded(HostState s, Clocks now)
        {
            Assert.True(s.Resting[rests].ReturnAt - now.Now <= TimeSpan.FromSeconds(8));
            Assert.True(s.Admissions[Vm].Deadline - now.Now <= TimeSpan.FromSeconds(60));
            Assert.True(s.Admissions[Vm].Since <= now.Now && s.Resting[rests].Since <= now.Now);
        }
    }
}
