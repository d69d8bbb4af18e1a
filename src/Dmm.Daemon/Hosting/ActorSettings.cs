using System.Globalization;
using Akka.Configuration;
using Dmm.Actors.Serialization;
using Dmm.Actors.Vms;
using Dmm.Core.Hosts;
using Dmm.Core.Laws;
using Dmm.Core.Ports;
using Dmm.Daemon.Journals;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Simulation;
using Dmm.Settings;

namespace Dmm.Daemon.Hosting;

/// <summary>Converts the settings into those of each component.</summary>
public static class ActorSettings
{
    public static HostSettings HostOf(DmmSettings settings)
    {
        var memory = settings.Host.Governed();
        return new()
        {
            Memory = memory,
            Reserve = settings.Host.Reserve,
            Cushion = settings.Host.Cushion.Of(memory.MinusOrZero(settings.Host.Reserve)),
            Leased = settings.Host.Leases,
            CushionMax = settings.Host.CushionMax.Of(memory.MinusOrZero(settings.Host.Reserve)),
            StallSome = settings.Host.PressureSome,
            StallFull = settings.Host.PressureFull,
            Margin = settings.Host.Margin,
            WatchPeriod = settings.Host.WatchPeriod,
            CalmAfter = settings.Host.CalmAfter,
            Operations = new(settings.Plan.BalloonOperations, settings.Plan.HotplugOperations),
            Trust = settings.Vm.Trust,
            Spark = settings.Vm.Spark,
            Step = settings.Plan.Step,
            DeadBand = settings.Plan.DeadBand,
            ShrinkRate = settings.Plan.ShrinkRate,
            UtilityWeight = settings.Plan.UtilityWeight,
            Spare = settings.Plan.Spare,
            PlanPeriod = settings.Plan.Period,
            Law = settings.Policy == PolicyKind.Dmm ? null
            : LawCatalog.All.First(law => law.Name.Equals(settings.Policy.ToString(), StringComparison.OrdinalIgnoreCase)).Name,
            Returns = new()
            {
                Min = settings.Vm.ReturnMin,
                Max = settings.Vm.ReturnMax,
                CalmAfter = settings.Vm.ReturnCalm,
                Deadline = settings.Vm.ReturnDeadline,
            },
            Admission = settings.Admission,
            GuestMargin = settings.Vm.Margin,
            History = settings.History,
        };
    }

    public static VmActorSettings VmsOf(DmmSettings settings) => new()
    {
        Guaranteed = settings.Vm.KernelGuarantee == KernelGuarantee.On,
        RestartMin = settings.Vm.RestartMin,
        RestartMax = settings.Vm.RestartMax,
        LaunchDeadline = settings.Qemu.LaunchDeadline + settings.Qemu.ProbeDeadline + TimeSpan.FromSeconds(5),
        Profile = new()
        {
            Spark = settings.Vm.Spark,
            Margin = settings.Vm.Margin,
            StuckAfter = settings.Vm.StuckAfter,
            UncooperativeAfter = settings.Vm.UncooperativeAfter,
            RetryMin = settings.Vm.RetryMin,
            RetryMax = settings.Vm.RetryMax,
            BootDeadline = settings.Vm.BootDeadline,
        },
    };

    /// <summary>
    /// Simulated VMs run on a simulated host, which has slightly more memory than DMM governs. Nothing of the real machine is read.
    /// </summary>
    public static IHostMonitor WatchOf(DmmSettings settings, IHypervisor hypervisor) =>
        hypervisor is SimulatedHypervisor simulated
            ? new SimulatedHostMonitor(simulated, settings.Host.Governed() + settings.Host.Margin)
            : new LinuxHostMonitor(TimeProvider.System, groups: settings.Qemu.Groups);

    public static IHypervisor HypervisorOf(DmmSettings settings, Action<string> log) => settings.Hypervisor switch
    {
        HypervisorKind.Simulation => new SimulatedHypervisor(settings.Simulation, TimeProvider.System),
        _ => new QemuHypervisor(
            new()
            {
                StateDirectory = settings.StateDir,
                Binary = settings.Qemu.Binary,
                Accel = settings.Qemu.Accel,
                DefaultAppend = settings.Qemu.Append,
                HotplugRoom = settings.Qemu.HotplugRoom,
                SpareRootPorts = settings.Qemu.SpareRootPorts,
                TranslationCache = settings.Qemu.TbSize,
                OpenUserNetwork = settings.Qemu.UserNetwork == UserNetwork.Open,
                Sandbox = settings.Qemu.Sandbox == QemuSandbox.On,
                User = settings.Qemu.User,
                Groups = settings.Qemu.Groups,
                CommandDeadline = settings.Qemu.CommandDeadline,
                FlushDeadline = settings.Qemu.FlushDeadline,
                LaunchDeadline = settings.Qemu.LaunchDeadline,
                ProbeDeadline = settings.Qemu.ProbeDeadline,
                StatsPeriod = settings.Qemu.StatsPeriod,
                LowMemory = settings.Demand.LowMemory,
            },
            TimeProvider.System,
            log),
    };

    /// <summary>
    /// Akka's own configuration: the journal and its serializer. The actor system is local: Akka opens no port, because whoever reached
    /// one could end any actor. The circuit breaker's deadline is twice the wait for a lock plus 5 s, so that SQLite reports the fault
    /// first and a write that is still under way never counts as failed. The breaker closes again after 1 s, because the keeper has a
    /// back-off of its own.
    /// </summary>
    public static Config AkkaOf(DmmSettings settings)
    {
        var connection = JournalFile.ConnectionString(settings.Journal.Path, settings.Journal.BusyTimeout)
            .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        var breaker = (2 * settings.Journal.BusyTimeout).TotalSeconds + 5;
        var serializer = $"{typeof(HostEventSerializer).FullName}, {typeof(HostEventSerializer).Assembly.GetName().Name}";
        var events = $"{typeof(IHostEvent).FullName}, {typeof(IHostEvent).Assembly.GetName().Name}";
        var snapshot = $"{typeof(HostSnapshot).FullName}, {typeof(HostSnapshot).Assembly.GetName().Name}";
        return ConfigurationFactory.ParseString(string.Create(CultureInfo.InvariantCulture, $$"""
            akka {
              actor {
                provider = local
                serializers.dmm-host = "{{serializer}}"
                serialization-bindings {
                  "{{events}}" = dmm-host
                  "{{snapshot}}" = dmm-host
                }
              }
              coordinated-shutdown.run-by-clr-shutdown-hook = off
              persistence {
                journal {
                  plugin = "akka.persistence.journal.sql"
                  sql {
                    class = "Akka.Persistence.Sql.Journal.SqlWriteJournal, Akka.Persistence.Sql"
                    connection-string = "{{connection}}"
                    provider-name = "SQLite.MS"
                    auto-initialize = false
                    parallelism = 1
                    circuit-breaker { max-failures = 10, call-timeout = {{breaker}}s, reset-timeout = 1s }
                  }
                }
                snapshot-store {
                  plugin = "akka.persistence.snapshot-store.sql"
                  sql {
                    class = "Akka.Persistence.Sql.Snapshot.SqlSnapshotStore, Akka.Persistence.Sql"
                    connection-string = "{{connection}}"
                    provider-name = "SQLite.MS"
                    auto-initialize = false
                    circuit-breaker { max-failures = 10, call-timeout = {{breaker}}s, reset-timeout = 1s }
                  }
                }
              }
            }
            """)).WithFallback(settings.AkkaConfig);
    }
}
