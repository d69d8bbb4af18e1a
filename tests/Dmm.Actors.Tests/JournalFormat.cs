using System.Text;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using Dmm.Actors.Hosts;
using Dmm.Actors.Serialization;
using Dmm.Core.Arbitration;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests;

public sealed class JournalFormat : TestKit
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
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
        new VmRequested(At, Spec, Size, At.AddSeconds(60)),
        new LaunchBegun(At, Vm, Size),
        new VmLaunched(At, Vm, Handle),
        new AdmissionEnded(At, Vm, AdmissionEnd.Expired, "too late"),
        new VmAdopted(At, Spec.Policy, Handle, Size, Size),
        new PolicySet(At, Vm, Spec.Policy),
        new OperatorTargetSet(At, Vm, null),
        new PromisesChanged(At, [new(Vm, Size, Size, true, Ruling.GivesSlack)]),
        new StopAsked(At, Vm, TimeSpan.FromSeconds(30)),
        new VmEnded(At, Vm, "shut down"),
        new VmForgotten(At, Vm),
    ];

    private HostEventSerializer Serializer => new((ExtendedActorSystem)Sys);

    [Fact]
    public void Every_kind_of_event_has_a_name_in_the_journal_and_an_example_here()
    {
        var kinds = typeof(IHostEvent).Assembly.GetTypes().Where(t => typeof(IHostEvent).IsAssignableFrom(t) && !t.IsInterface).ToHashSet();
        Assert.Equal(kinds, HostEventSerializer.Manifests.Values.ToHashSet());
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
            else
                Assert.Equal(example, back);
        }
    }

    [Fact]
    public void What_an_operator_reads_is_plain_json() => Assert.Equal(
        """{"at":"2026-11-24T12:00:00+00:00","changes":[{"vm":"web","granted":268435456,"target":268435456,"urgent":true,"ruling":"givesSlack"}]}""",
        Encoding.UTF8.GetString(Serializer.ToBinary(Examples[7])));

    [Fact]
    public void An_event_of_a_later_release_is_refused_by_name()
    {
        var fault = Assert.ThrowsAny<Exception>(() => Serializer.FromBinary("{}"u8.ToArray(), "vm-teleported-9"));
        Assert.Contains("vm-teleported-9", fault.Message);
    }

    [Fact]
    public void A_snapshot_leads_to_the_state_that_it_was_made_of()
    {
        var empty = new HostState(new Ledger(MemorySize.FromGiB(8), MemorySize.Zero));
        IHostEvent[] history =
        [
            Examples[0], Examples[1], Examples[2],
            new PromisesChanged(At, [new(Vm, MemorySize.FromMiB(512), MemorySize.FromMiB(128), false, default)]),
            new OperatorTargetSet(At, Vm, MemorySize.FromMiB(128)),
            new VmRequested(At, Spec with { Id = VmId.Parse("next") }, Size, At),
            new LaunchBegun(At, VmId.Parse("next"), MemorySize.FromMiB(300)),
        ];
        var state = history.Aggregate(empty, (s, e) => s.Apply(e));
        var snapshot = new HostSnapshot(state.Condense(At));
        var back = (HostSnapshot)Serializer.FromBinary(Serializer.ToBinary(snapshot), Serializer.Manifest(snapshot));
        var again = back.Events.Aggregate(empty, (s, e) => s.Apply(e));
        Assert.Equal(state.Vms, again.Vms);
        Assert.Equal(state.Admissions.Keys, again.Admissions.Keys);
        Assert.Equal(state.Ledger.Committed, again.Ledger.Committed);
        Assert.Equal(MemorySize.FromMiB(512), again.Vms[Vm].Promise.Granted);
    }
}
