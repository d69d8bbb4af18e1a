using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Dmm.Actors.Events;
using Dmm.Actors.Supervision;
using Dmm.Core;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>A whole host on virtual time: the real actors, the simulated hypervisor, the in-memory journal.</summary>
public abstract class HostFixture : TestKit
{
    private static readonly Config Virtual = ConfigurationFactory.ParseString("""
        akka {
          loglevel = WARNING
          scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
          persistence.journal.plugin = "akka.persistence.journal.faulty"
          persistence.journal.faulty.class = "Dmm.Actors.Tests.FaultyJournal, Dmm.Actors.Tests"
          persistence.journal.faulty.plugin-dispatcher = "akka.actor.default-dispatcher"
          persistence.snapshot-store.plugin = "akka.persistence.snapshot-store.inmem"
          test.single-expect-default = 10s
          actor {
            serializers.dmm = "Dmm.Actors.Serialization.HostEventSerializer, Dmm.Actors"
            serialization-bindings {
              "Dmm.Core.Hosts.IHostEvent, Dmm.Core" = dmm
              "Dmm.Core.Hosts.HostSnapshot, Dmm.Core" = dmm
            }
          }
        }
        """);

    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"dmm-actors-{Guid.NewGuid():N}");

    protected HostFixture(ITestOutputHelper output)
        : base(JitteryExecutor.FromEnvironment().WithFallback(Virtual), $"dmm-{Guid.NewGuid():N}", output)
    {
        Time = new((TestScheduler)Sys.Scheduler);
        Hypervisor = new(new() { Directory = _directory }, Time);
        Events = Sys.ListenerOf<Notice>(EventLogActor.Props(10_000, Time), "events");
    }

    protected static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    protected SteppingTime Time { get; }

    protected SimulatedHypervisor Hypervisor { get; set; }

    protected IActorRef Events { get; }

    protected IActorRef Host { get; private set; } = ActorRefs.Nobody;

    protected Moment MomentNow => Clocks.MomentOf(Time);

    protected TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    /// <summary>The faults of the journal.</summary>
    protected JournalFaults Faults => JournalFaults.Of(Sys.Name);

    protected void StartHost(long memoryMiB, long reserveMiB = 0, long cushionMiB = 0, IHypervisor? hypervisor = null) =>
        StartHost(new HostSettings { Memory = MiB(memoryMiB), Reserve = MiB(reserveMiB), Cushion = MiB(cushionMiB) },
            hypervisor: hypervisor);

    protected void StartHost(HostSettings settings, IHostMonitor? watch = null, IHypervisor? hypervisor = null) =>
        Host = Sys.ActorOf(DmmActor.Props(HouseOf(settings, new NoStore(), watch, hypervisor)), DmmActor.Name);

    private protected House HouseOf(
        HostSettings settings, IJournalStore store, IHostMonitor? watch = null, IHypervisor? hypervisor = null) =>
            new(hypervisor ?? Hypervisor, store)
            {
                Host = settings,
                Vms = new() { Time = Time },
                Watch = watch,
                Keeper = new() { ProcessStart = Clocks.MomentOf(Time), GiveUp = GiveUp, Time = Time },
            };

    /// <summary>Called when the journal needs an operator.</summary>
    protected virtual void GiveUp(string why)
    {
    }

    /// <summary>Set by tests in which the world, not DMM, breaks the invariant.</summary>
    protected bool WorldMayBreakIt { get; set; }

    /// <summary>Kills the daemon: every actor is gone at once with its state; the journal and the VMs are not.</summary>
    protected void KillHost()
    {
        Watch(Host);
        Sys.Stop(Host);
        ExpectTerminated(Host);
        Unwatch(Host);
    }

    protected static VmSpec Spec(string name, long min, long boot, long max) =>
        new() { Id = VmId.Parse(name), Policy = new(MiB(min), MiB(max)), Boot = MiB(boot) };

    protected object Create(VmSpec spec, TimeSpan? timeout = null)
    {
        Host.Tell(new AdmissionProtocol.CreateVm(spec, Hypervisor.ExpectedOverhead(spec), timeout, []), TestActor);
        return ReceiveOne(TimeSpan.FromSeconds(60));
    }

    /// <summary>
    /// Lets virtual time go by in small steps until the condition holds; fails after <paramref name="limit"/> of virtual time.
    /// </summary>
    protected HostProtocol.Status Until(string what, Func<HostProtocol.Status, bool> condition, TimeSpan? limit = null)
    {
        var step = TimeSpan.FromMilliseconds(50);
        var left = limit ?? TimeSpan.FromSeconds(60);
        var status = Look();
        for (; left > TimeSpan.Zero; left -= step)
        {
            if (condition(status))
                return status;
            Clock.Advance(step);
            status = Look();
        }

        throw new Xunit.Sdk.XunitException(
            $"not within the time: {what}; the last state:\n{string.Join('\n', Lines(status))}\nthe last "
                + $"events:\n{string.Join('\n', Notices().TakeLast(20))}");
    }

    private static IEnumerable<object> Lines(HostProtocol.Status status) =>
        [
            status.State.Ledger,
            .. status.State.Vms.Values,
            .. status.Reports.Values,
            .. status.State.Admissions.Values,
            .. status.State.Resting.Values,
        ];

    /// <summary>
    /// Asks the host for its status, which comes after everything that it was told before; the invariant must hold in every status.
    /// </summary>
    protected HostProtocol.Status Look()
    {
        // Two rounds: after them the effects of the clock on the VMs' actors, on the predictor (which they tell), and on the host's
        // monitor, if it has one, have reached the host, and what the host then told them has been done.
        for (var round = 0; round < 2; round++)
        {
            Pass("host/monitor");
            var vms = Host.Ask<HostProtocol.Status>(new HostProtocol.GetStatus(), TimeSpan.FromSeconds(10)).Result.State;
            Pass("vms");
            foreach (var vm in vms.Vms.Keys.Concat(vms.Admissions.Keys))
                Pass($"vms/{vm}/machine");
            Pass("predictor");
            Pass("host/admission");
        }

        var status = Host.Ask<HostProtocol.Status>(new HostProtocol.GetStatus(), TimeSpan.FromSeconds(10)).Result;
        Assert.True(WorldMayBreakIt || status.State.Ledger.Deficit.IsZero, $"claims exceed the host by {status.State.Ledger.Deficit}");
        return status;
    }

    /// <summary>Waits until an actor of the host has handled all messages so far, or there is none of that name.</summary>
    private void Pass(string name) =>
        Sys.ActorSelection($"/user/dmm/{name}").Ask<ActorIdentity>(new Identify(name), TimeSpan.FromSeconds(10)).Wait();

    /// <summary>Lets virtual time pass.</summary>
    protected void Go(TimeSpan time)
    {
        var step = TimeSpan.FromMilliseconds(250);
        for (var left = time; left > TimeSpan.Zero; left -= step)
        {
            Clock.Advance(step);
            Look();
        }
    }

    protected HostProtocol.Status UntilRuns(params string[] names) => Until(
        $"{string.Join(", ", names)} settled",
        s => names.All(n => s.Reports.TryGetValue(VmId.Parse(n), out var r) && r.Phase == VmPhase.Settled));

    /// <summary>
    /// The host takes nothing from a VM of which it knows nothing. The forecast from a guest's first sample differs from that of a second
    /// later, and whether the first sample comes before or after a tick of the same moment is chance: so this waits for several samples.
    /// </summary>
    protected HostProtocol.Status UntilForeseen(params string[] names)
    {
        Until(
            $"{string.Join(", ", names)} settled, and what they need is known",
            s => names.All(n => s.Reports.TryGetValue(VmId.Parse(n), out var r) && r.Phase == VmPhase.Settled
                && s.Forecasts.ContainsKey(VmId.Parse(n))));
        Go(TimeSpan.FromSeconds(3));
        return Look();
    }

    protected SimulatedGuest Guest(string name) =>
        Hypervisor.Guest(VmId.Parse(name)) ?? throw new InvalidOperationException($"{name} does not run");

    protected string[] EventKinds() => [.. Notices().Select(h => h.Kind)];

    protected Notice[] Notices() =>
        [.. Events.Ask<EventLogActor.Events>(new EventLogActor.Read(null), TimeSpan.FromSeconds(5)).Result.Items.Select(e => e.Notice)];

    /// <summary>A journal store with nothing to repair.</summary>
    private protected sealed class NoStore : IJournalStore
    {
        public string? Look() => null;

        public JournalFault Judge(Exception cause) => new(false, cause.Message);

        public Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation) => Task.FromResult<string?>(null);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        // The folder is renamed first: a simulated VM whose call was under way when its actor ended may still write, and would write into
        // the folder that is being emptied.
        var gone = _directory + ".gone";
        Directory.Move(_directory, gone);
        Directory.Delete(gone, recursive: true);
    }
}
