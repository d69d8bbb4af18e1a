using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Dmm.Actors.Admission;
using Dmm.Actors.Events;
using Dmm.Actors.Hosts;
using Dmm.Actors.Vms;
using Dmm.Core.Demand;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
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
          persistence.journal.plugin = "akka.persistence.journal.inmem"
          persistence.snapshot-store.plugin = "akka.persistence.snapshot-store.inmem"
          test.single-expect-default = 10s
          actor {
            serializers.dmm = "Dmm.Actors.Serialization.HostEventSerializer, Dmm.Actors"
            serialization-bindings {
              "Dmm.Actors.Hosts.IHostEvent, Dmm.Actors" = dmm
              "Dmm.Actors.Hosts.HostSnapshot, Dmm.Actors" = dmm
            }
          }
        }
        """);

    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"dmm-actors-{Guid.NewGuid():N}");

    protected HostFixture(ITestOutputHelper output)
        : base(Virtual, output: output)
    {
        Time = new SchedulerTime((TestScheduler)Sys.Scheduler);
        Hypervisor = new(new() { Directory = _directory }, Time);
        Events = Sys.ActorOf(EventLogActor.Props(10_000), "events");
    }

    protected static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    protected TimeProvider Time { get; }

    protected SimulatedHypervisor Hypervisor { get; set; }

    protected IActorRef Events { get; }

    protected IActorRef Host { get; private set; } = ActorRefs.Nobody;

    protected TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    protected void StartHost(long memoryMiB, long reserveMiB = 0, long cushionMiB = 0, IHypervisor? hypervisor = null) => Host = Sys.ActorOf(
        HostActor.Props(
            hypervisor ?? Hypervisor,
            new() { Memory = MiB(memoryMiB), Reserve = MiB(reserveMiB), Cushion = MiB(cushionMiB) },
            new VmActorSettings(), new DemandSettings(), new AdmissionSettings()),
        HostActor.Name);

    /// <summary>The daemon dies: every actor with its state is gone at once, the journal and the VMs are not.</summary>
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
        return ReceiveOne(TimeSpan.FromSeconds(5));
    }

    /// <summary>Lets virtual time go by in small steps until the condition holds; fails after <paramref name="limit"/> of virtual time.</summary>
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

        throw new Xunit.Sdk.XunitException($"not within the time: {what}; the last state: {status.State}");
    }

    /// <summary>The host's answer comes behind all that it was told before; the invariant must hold in every one of them.</summary>
    protected HostProtocol.Status Look()
    {
        // Twice round: what the clock set off in the VMs' actors has reached the host, and what the host then told them has been done.
        for (var round = 0; round < 2; round++)
        {
            var vms = Host.Ask<HostProtocol.Status>(new HostProtocol.GetStatus(), TimeSpan.FromSeconds(10)).Result.State;
            foreach (var vm in vms.Vms.Keys.Concat(vms.Admissions.Keys))
                Sys.ActorSelection($"/user/host/vm-{vm}/machine").Ask<ActorIdentity>(new Identify(vm), TimeSpan.FromSeconds(10)).Wait();
        }

        var status = Host.Ask<HostProtocol.Status>(new HostProtocol.GetStatus(), TimeSpan.FromSeconds(10)).Result;
        Assert.True(status.State.Ledger.Deficit.IsZero, $"claims exceed the host by {status.State.Ledger.Deficit}");
        return status;
    }

    protected HostProtocol.Status UntilRuns(params string[] names) => Until(
        $"{string.Join(", ", names)} settled",
        s => names.All(n => s.Reports.TryGetValue(VmId.Parse(n), out var r) && r.Phase == VmPhase.Settled));

    protected SimulatedGuest Guest(string name) => Hypervisor.Guest(VmId.Parse(name)) ?? throw new InvalidOperationException($"{name} does not run");

    protected string[] EventKinds() =>
        [.. Events.Ask<EventLogActor.Events>(new EventLogActor.Read(null), TimeSpan.FromSeconds(5)).Result.Items.Select(e => e.Happening.Kind)];

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The simulation lives on the same virtual time as the actors.</summary>
    private sealed class SchedulerTime(TestScheduler scheduler) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => scheduler.Now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var cancel = new Cancelable((IActionScheduler)scheduler);
            if (period > TimeSpan.Zero)
                scheduler.Advanced.ScheduleRepeatedly(dueTime, period, () => callback(state), cancel);
            else
                scheduler.Advanced.ScheduleOnce(dueTime, () => callback(state), cancel);
            return new Timer(cancel);
        }

        private sealed class Timer(ICancelable cancel) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) =>
                dueTime == Timeout.InfiniteTimeSpan ? Cancel() : throw new NotSupportedException("the simulation never changes a timer");

            public void Dispose() => cancel.Cancel();

            public ValueTask DisposeAsync()
            {
                cancel.Cancel();
                return ValueTask.CompletedTask;
            }

            private bool Cancel()
            {
                cancel.Cancel();
                return true;
            }
        }
    }
}
