using Dmm.Actors.Events;
using Dmm.Actors.Hosts;
using Dmm.Actors.Vms;
using Dmm.Contracts;
using Dmm.Core.Vms;

namespace Dmm.Daemon.Api;

/// <summary>From what the host's actor knows to what the daemon answers.</summary>
public static class Views
{
    public static HostView HostOf(HostProtocol.Status status, string node, string hypervisor, HostPressureView pressure)
    {
        var ledger = status.State.Ledger;
        var guests = ledger.HostMemory.MinusOrZero(ledger.HostReserve);
        var max = status.State.Vms.Values.Sum(vm => (double)vm.Policy.Max.Bytes);
        List<string> problems = [];
        if (!ledger.Deficit.IsZero)
            problems.Add($"claims are {ledger.Deficit} more than this host has: nothing is granted until that holds again");
        problems.AddRange(status.Reports.Values
            .Where(r => r.Phase is VmPhase.Lost or VmPhase.Stuck or VmPhase.Uncooperative)
            .OrderBy(r => r.Vm)
            .Select(r => $"{r.Vm} is {r.Phase.ToString().ToLowerInvariant()}: {r.Why}"));
        return new()
        {
            Node = node,
            Hypervisor = hypervisor,
            State = problems.Count == 0 ? "ready" : "degraded",
            MemoryBytes = ledger.HostMemory.Bytes,
            ReserveBytes = ledger.HostReserve.Bytes,
            CushionBytes = status.Cushion.Bytes,
            ClaimsBytes = ledger.Claimed.Bytes,
            ReservationsBytes = ledger.Reserved.Bytes,
            FreeBytes = ledger.Free.Bytes,
            DeficitBytes = ledger.Deficit.Bytes,
            OvercommitRatio = guests.IsZero ? 0 : Math.Round(max / guests.Bytes, 3),
            Pressure = pressure,
            Vms = status.State.Vms.Count,
            Admissions = [.. status.State.Admissions.Values.OrderBy(a => a.At).Select(a => AdmissionOf(status, a))],
            Problems = problems,
        };
    }

    public static IEnumerable<VmView> VmsOf(HostProtocol.Status status) =>
        status.State.Vms.Select(vm => VmOf(status, vm.Key, vm.Value))
            .Concat(status.State.Admissions.Values.Select(admission => VmOf(status, admission)))
            .OrderBy(vm => vm.Id, StringComparer.Ordinal);

    public static VmView? VmOf(HostProtocol.Status status, VmId id) =>
        status.State.Vms.TryGetValue(id, out var vm) ? VmOf(status, id, vm)
        : status.State.Admissions.TryGetValue(id, out var admission) ? VmOf(status, admission)
        : null;

    public static EventView EventOf(EventLogActor.Numbered numbered) => new()
    {
        Sequence = numbered.Sequence,
        At = numbered.Happening.At,
        Kind = numbered.Happening.Kind,
        Vm = numbered.Happening.Vm?.Name,
        Text = numbered.Happening.Text,
        FromBytes = numbered.Happening.From?.Bytes,
        ToBytes = numbered.Happening.To?.Bytes,
    };

    private static AdmissionView AdmissionOf(HostProtocol.Status status, AdmissionRecord admission)
    {
        var (state, why) = StateOf(status, admission);
        return new(
            admission.Spec.Id.Name, state, admission.Size.Bytes,
            admission.Reserved is null ? admission.Size.MinusOrZero(status.State.Ledger.Free).Bytes : 0,
            why, admission.At, admission.Reserved is null ? admission.Deadline : null);
    }

    private static (string State, string Why) StateOf(HostProtocol.Status status, AdmissionRecord admission) =>
        admission.Reserved is { } reserved ? ("launching", $"{reserved} set aside; the hypervisor is starting it")
        : status.Gathering == admission.Spec.Id ? ("waiting",
            $"{admission.Size.MinusOrZero(status.State.Ledger.Free)} of {admission.Size} missing: its peers are shrinking, until {admission.Deadline:HH:mm:ss}")
        : ("requested", "others are before it in the queue");

    private static VmView VmOf(HostProtocol.Status status, AdmissionRecord admission)
    {
        var (state, why) = StateOf(status, admission);
        var policy = admission.Spec.Policy;
        return new()
        {
            Id = admission.Spec.Id.Name,
            State = state,
            Why = why,
            BaseBytes = admission.Spec.Boot.Bytes,
            PluggedBytes = 0,
            BalloonedBytes = 0,
            ActualBytes = 0,
            GrantedBytes = admission.Reserved is null ? 0 : admission.Spec.Boot.Bytes,
            TargetBytes = admission.Spec.Boot.Bytes,
            MinBytes = policy.Min.Bytes,
            MaxBytes = policy.Max.Bytes,
            StaticMaxBytes = policy.Max.Bytes,
            Shares = policy.Shares,
            OverheadBytes = admission.Overhead.Bytes,
            Agent = "none",
            Hypervisor = "",
            Adopted = false,
            Warnings = [],
        };
    }

    private static VmView VmOf(HostProtocol.Status status, VmId id, VmRecord vm)
    {
        var report = status.Reports.GetValueOrDefault(id);
        var forecast = status.Forecasts.GetValueOrDefault(id);
        var sizes = report?.Sizes;
        return new()
        {
            Id = id.Name,
            State = report is null ? "booting" : report.Stopping ? "stopping" : report.Phase.ToString().ToLowerInvariant(),
            Why = report is null ? "the hypervisor has not reported yet" : report.Why,
            BaseBytes = vm.Handle.Base.Bytes,
            PluggedBytes = sizes?.Plugged.Bytes ?? 0,
            BalloonedBytes = sizes?.Ballooned.Bytes ?? 0,
            ActualBytes = sizes?.Actual.Bytes ?? 0,
            GrantedBytes = vm.Promise.Granted.Bytes,
            TargetBytes = vm.Promise.Target.Bytes,
            MinBytes = vm.Policy.Min.Bytes,
            MaxBytes = vm.Policy.Max.Bytes,
            StaticMaxBytes = report?.Capabilities is { } can ? (vm.Handle.Base + can.PluggableMax).Bytes : vm.Policy.Max.Bytes,
            Shares = vm.Policy.Shares,
            WorkingSetBytes = forecast?.WorkingSet.Bytes,
            DemandBytes = forecast?.Demand.Bytes,
            OverheadBytes = status.State.Ledger.Claims.TryGetValue(id, out var claim) ? claim.Overhead.Bytes : vm.Overhead.Bytes,
            OperatorTargetBytes = vm.OperatorTarget?.Bytes,
            Agent = report?.Sample?.Source switch
            {
                SampleSource.Agent => "agent",
                SampleSource.BalloonStatistics => "balloonStatistics",
                _ => "none",
            },
            Hypervisor = vm.Handle.Hypervisor,
            Pid = vm.Handle.Pid,
            Adopted = !vm.Handle.Owned,
            OperatorQmp = vm.Handle.OperatorSocket,
            Console = vm.Handle.ConsoleSocket,
            Guest = report is null ? null : GuestOf(report),
            Warnings = report is null ? [] : [.. report.Warnings],
        };
    }

    private static GuestView GuestOf(VmProtocol.Report report) => new()
    {
        SampledAt = report.Sample?.At,
        MemTotalBytes = report.Sample?.MemTotal.Bytes,
        MemFreeBytes = report.Sample?.MemFree.Bytes,
        MemAvailableBytes = report.Sample?.MemAvailable.Bytes,
        SwapTotalBytes = report.Sample?.SwapTotal.Bytes,
        SwapUsedBytes = report.Sample is { } sample ? sample.SwapTotal.MinusOrZero(sample.SwapFree).Bytes : null,
        AgentVersion = report.Hello?.AgentVersion,
        Kernel = report.Hello?.Kernel,
        AutoOnline = report.Hello?.AutoOnline,
        OnlinePolicy = report.Hello?.OnlinePolicy,
        AutoMovableRatio = report.Hello?.AutoMovableRatio,
        MemmapOnMemory = report.Hello?.MemmapOnMemory,
        BlockBytes = report.Hello?.BlockSize?.Bytes,
    };
}
