using System.Text.Json;
using Dmm.Clustering;
using Dmm.Core;
using Dmm.Core.Clusters;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;
using Dmm.Core.Vms;
using Prometheus;

namespace Dmm.Daemon.Api;

/// <summary>
/// The metrics of the host's actor for Prometheus: sizes in bytes, at the moment of the request. All are gauges, made again for each
/// answer, so that a VM that is gone leaves no metric behind. docs/operate/metrics.md lists them.
/// </summary>
public static class Metrics
{
    /// <param name="cluster">Null: this node runs alone.</param>
    public static async Task WriteAsync(
        HostProtocol.Status status, ClusterNode? cluster, HttpResponse response, Clocks now, CancellationToken cancellation)
    {
        response.ContentType = PrometheusConstants.TextContentTypeWithVersionAndEncoding;
        await Of(status, cluster, now).CollectAndExportAsTextAsync(response.Body, cancellation);
    }

    private static CollectorRegistry Of(HostProtocol.Status status, ClusterNode? cluster, Clocks now)
    {
        var registry = Prometheus.Metrics.NewCustomRegistry();
        var make = Prometheus.Metrics.WithCustomRegistry(registry);
        var ledger = status.State.Ledger;

        void Host(string name, string help, double value) => make.CreateGauge(name, help).Set(value);

        if (cluster?.Picture is { } picture)
        {
            var members = make.CreateGauge("dmm_cluster_members", "Members of the cluster, as this node sees it.", "state");
            foreach (var state in Enum.GetValues<MemberState>())
            {
                members.WithLabels(JsonNamingPolicy.CamelCase.ConvertName(state.ToString()))
                    .Set(picture.Members.Count(m => m.State == state));
            }

            Host("dmm_cluster_unreachable", "Members that some other does not reach.", picture.Members.Count(m => !m.Reachable));
            Host("dmm_cluster_joined", "1 while this node is up in its cluster, 0 while it is not.",
                picture.Own is { State: MemberState.Up or MemberState.WeaklyUp } ? 1 : 0);
            Host(
                "dmm_node_certificate_end_seconds", "When this node's certificate ends, in seconds since 1970.",
                Unix(cluster.CertificateEnds));
        }

        Host("dmm_host_memory_bytes", "Memory that DMM counts on, the reserve included.", ledger.HostMemory.Bytes);
        Host("dmm_host_memory_configured_bytes", "dmm.host.memory.", status.ConfiguredMemory.Bytes);
        Host("dmm_host_reserve_bytes", "Kept for the host itself.", ledger.HostReserve.Bytes);
        Host("dmm_host_cushion_bytes", "Kept free for fast growth now.", status.Cushion.Bytes);
        Host("dmm_host_leases_bytes", "The part of the cushion that VMs have on lease.", ledger.Leases.Bytes);
        Host("dmm_host_claims_bytes", "Sum of the VMs' claims.", ledger.Claimed.Bytes);
        Host("dmm_host_reservations_bytes", "Set aside for VMs that are about to be created.", ledger.Reserved.Bytes);
        Host("dmm_host_let_go_bytes", "What forgotten VMs that still run may take.", ledger.Loose.Bytes);
        Host("dmm_host_free_bytes", "What can still be promised.", ledger.Free.Bytes);
        Host("dmm_host_deficit_bytes", "By how much promises exceed the host's memory; 0 if they fit.", ledger.Deficit.Bytes);
        Host("dmm_host_waiting_bytes", "Memory that VMs wait for.", status.Waits.Sum(w => w.Missing.Bytes));
        Host("dmm_host_drained", "1 while the host is drained, 0 while it is in service.", status.State.Drain is null ? 0 : 1);
        if (status.State.Drain is { } drain)
        {
            Host("dmm_host_drain_since_seconds", "When the drain began, in seconds since 1970.", Unix(now.WallOf(drain.Since)));
            Host("dmm_host_drain_until_seconds", "The deadline of the drained VMs, in seconds since 1970.", Unix(now.WallOf(drain.Until)));
            Host("dmm_host_drain_left_vms", "VMs that still run on the drained host.", status.State.MayRun);
        }

        if (status.Outlook?.Sight is { } sight)
        {
            Host("dmm_host_available_bytes", "MemAvailable of the host.", sight.Available.Bytes);
            if (sight.Stall is { } stall)
            {
                var pressure = make.CreateGauge(
                    "dmm_host_memory_stall_ratio", "Part of the last 10 s in which tasks of the host stalled for memory (PSI).", "kind");
                pressure.WithLabels("some").Set(stall.Some);
                pressure.WithLabels("full").Set(stall.Full);
            }
        }

        var operations = make.CreateGauge("dmm_operations_in_flight", "VMs that move now.", "mechanism", "urgent");
        foreach (var urgent in new[] { false, true })
        {
            foreach (var mechanism in new[] { Mechanisms.Balloon, Mechanisms.Hotplug })
            {
                operations.WithLabels(mechanism.ToString().ToLowerInvariant(), urgent ? "true" : "false")
                    .Set(status.InFlight.Count(o => o.Urgent == urgent && o.Uses.HasFlag(mechanism)));
            }
        }

        Host("dmm_operations_held", "VMs that wait for their turn to move.", status.Held.Count);
        OfVms(status, make);
        return registry;
    }

    private static double Unix(DateTimeOffset at) => at.ToUnixTimeMilliseconds() / 1000.0;

    private static void OfVms(HostProtocol.Status status, MetricFactory make)
    {
        var actual = make.CreateGauge("dmm_vm_actual_bytes", "What the guest can use now.", ["vm"]);
        var target = make.CreateGauge("dmm_vm_target_bytes", "The size that the VM is to have.", ["vm"]);
        var claim = make.CreateGauge("dmm_vm_claim_bytes", "What the ledger counts for the VM, overhead included.", ["vm"]);
        var overhead = make.CreateGauge("dmm_vm_overhead_bytes", "The hypervisor's own cost.", ["vm"]);
        var phase = make.CreateGauge("dmm_vm_phase", "1 for the phase that the VM is in, 0 for the others.", ["vm", "phase"]);
        foreach (var (id, vm) in status.State.Vms)
        {
            var report = status.Reports.GetValueOrDefault(id);
            actual.WithLabels(id.Name).Set((report?.Sizes?.Actual ?? MemorySize.Zero).Bytes);
            target.WithLabels(id.Name).Set(vm.Promise.Target.Bytes);
            claim.WithLabels(id.Name).Set(status.State.Ledger.Claims[id].Size.Bytes);
            overhead.WithLabels(id.Name).Set(status.State.Ledger.Claims[id].Overhead.Bytes);
            foreach (var possible in Enum.GetValues<VmPhase>())
                phase.WithLabels(id.Name, possible.ToString().ToLowerInvariant())
                    .Set(possible == (report?.Phase ?? VmPhase.Booting) ? 1 : 0);
        }
    }
}
