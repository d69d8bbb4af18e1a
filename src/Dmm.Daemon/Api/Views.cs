using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Daemon.Api;

/// <summary>Turns the state of the host's actor into the daemon's answers.</summary>
public static class Views
{
    /// <param name="now">The clocks now. Moments are converted to the wall's clock as it is set now.</param>
    public static HostView HostOf(HostProtocol.Status status, string node, IHypervisor hypervisor, Clocks now)
    {
        var ledger = status.State.Ledger;
        var guests = ledger.HostMemory.MinusOrZero(ledger.HostReserve);
        var max = status.State.Vms.Values.Sum(vm => (double)vm.Policy.Max.Bytes);
        List<string> problems = [.. status.Journal?.Problem is { } journal ? [journal] : (string[])[], .. status.Problems];
        problems.AddRange(status.Reports.Values
            .Where(r => r.Phase is VmPhase.Lost or VmPhase.Stuck or VmPhase.Uncooperative)
            .OrderBy(r => r.Vm)
            .Select(r => $"{r.Vm} is {r.Phase.ToString().ToLowerInvariant()}: {r.Why}"));
        return new()
        {
            Node = node,
            Hypervisor = hypervisor.Name,
            Acceleration = hypervisor.Acceleration,
            State = problems.Count == 0 ? "ready" : "degraded",
            MemoryBytes = ledger.HostMemory.Bytes,
            ConfiguredMemoryBytes = status.ConfiguredMemory.Bytes,
            MemoryWhy = status.Outlook?.Why,
            ReserveBytes = ledger.HostReserve.Bytes,
            CushionBytes = status.Cushion.Bytes,
            LeasesBytes = ledger.Leases.Bytes,
            ClaimsBytes = ledger.Claimed.Bytes,
            ReservationsBytes = ledger.Reserved.Bytes,
            LetGoBytes = ledger.Loose.Bytes,
            FreeBytes = ledger.Free.Bytes,
            DeficitBytes = ledger.Deficit.Bytes,
            OvercommitRatio = guests.IsZero ? 0 : Math.Round(max / guests.Bytes, 3),
            Pressure = new(
                status.Outlook?.Sight?.Available.Bytes, PerCent(status.Outlook?.Sight?.Stall?.Some),
                PerCent(status.Outlook?.Sight?.Stall?.Full)),
            Vms = status.State.Vms.Count,
            Admissions = [.. AdmissionLine.InOrder(status.State.Admissions.Values).Select(a => AdmissionViews.Of(status, a, now))],
            Waits = [.. status.Waits.Select(WaitOf)],
            Operations = [.. status.InFlight.Select(o => new OperationView(
                o.Vm.Name, o.Uses.HasFlag(Mechanisms.Balloon), o.Uses.HasFlag(Mechanisms.Hotplug), o.Urgent))],
            Held = [.. status.Held.OrderBy(h => h.Value).Select(h => new HeldView(h.Key.Name, now.WallOf(h.Value)))],
            Problems = problems,
            Drain = DrainViews.Of(status, now),
            InControlSeconds = Seconds(status.InControl),
            AllActorsSeconds = Seconds(status.AllActors),
        };
    }

    private static double? Seconds(TimeSpan? span) => span is { } s ? Math.Round(s.TotalSeconds, 3) : null;

    private static WaitView WaitOf(Wait wait) =>
        new(wait.Vm.Name, wait.Missing.Bytes, wait.Urgent, [.. wait.From.Select(g => new GiverView(g.Vm.Name, g.Size.Bytes))]);

    private static double? PerCent(double? part) => part is { } p ? Math.Round(p * 100, 2) : null;

    public static IEnumerable<VmView> VmsOf(HostProtocol.Status status, Clocks now) =>
        status.State.Vms.Select(vm => VmOf(status, vm.Key, vm.Value, now))
            .Concat(status.State.Admissions.Values.Select(admission => VmOf(status, admission, now)))
            .Concat(status.State.Resting.Values.Select(vm => VmOf(vm, now)))
            .OrderBy(vm => vm.Id, StringComparer.Ordinal);

    public static VmView? VmOf(HostProtocol.Status status, VmId id, Clocks now) =>
        status.State.Vms.TryGetValue(id, out var vm) ? VmOf(status, id, vm, now)
        : status.State.Admissions.TryGetValue(id, out var admission) ? VmOf(status, admission, now)
        : status.State.Resting.TryGetValue(id, out var resting) ? VmOf(resting, now)
        : null;

    public static EventView EventOf(Numbered numbered) => new()
    {
        Sequence = numbered.Sequence,
        At = numbered.Notice.At,
        Kind = numbered.Notice.Kind,
        Vm = numbered.Notice.Vm?.Name,
        Text = numbered.Notice.Text,
        FromBytes = numbered.Notice.From?.Bytes,
        ToBytes = numbered.Notice.To?.Bytes,
    };

    private static VmView VmOf(HostProtocol.Status status, AdmissionRecord admission, Clocks now)
    {
        var (state, why) = (AdmissionViews.StateAsVm(admission), AdmissionViews.WhyOf(status, admission, now));
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
            GrantedBytes = admission.Boot?.Bytes ?? 0,
            TargetBytes = (admission.Boot ?? admission.Spec.Boot).Bytes,
            Waits = status.Waits.FirstOrDefault(w => w.Vm == admission.Spec.Id) is { } wait ? WaitOf(wait) : null,
            MinBytes = policy.Min.Bytes,
            MaxBytes = policy.Max.Bytes,
            StaticMaxBytes = policy.Max.Bytes,
            Shares = policy.Shares,
            Restart = NameOf(admission.Spec.Restart),
            Priority = admission.Spec.Priority,
            Returns = admission.Tries,
            OverheadBytes = admission.Overhead.Bytes,
            Agent = "none",
            Hypervisor = "",
            Adopted = false,
            Warnings = [],
        };
    }

    private static VmView VmOf(HostProtocol.Status status, VmId id, VmRecord vm, Clocks now)
    {
        var report = status.Reports.GetValueOrDefault(id);
        var forecast = status.Forecasts.GetValueOrDefault(id);
        var sizes = report?.Sizes;
        var trust = sizes is null ? (Trust?)null : Trusts.Of(status.Trust, report!.Enforced);
        return new()
        {
            Id = id.Name,
            State = report is null ? "booting" : report.Stopping || vm.Stop is not null || vm.Drain == VmDrain.Asked ? "stopping"
                : report.Phase != VmPhase.Paused ? report.Phase.ToString().ToLowerInvariant()
                : report.RunState switch
                {
                    VmRunState.MigratedAway => "migrated",
                    VmRunState.Panicked => "panicked",
                    _ => "paused",
                },
            Why = report is null ? "the hypervisor has not reported yet" : report.Why,
            BaseBytes = sizes?.Base.Bytes ?? vm.Handle.Base.Bytes,
            PluggedBytes = sizes?.Plugged.Bytes ?? 0,
            BalloonedBytes = sizes?.Ballooned.Bytes ?? 0,
            ActualBytes = sizes?.Actual.Bytes ?? 0,
            GrantedBytes = vm.Promise.Granted.Bytes,
            TargetBytes = vm.Promise.Target.Bytes,
            LeaseBytes = vm.Promise.Lease.Bytes,
            MinBytes = vm.Policy.Min.Bytes,
            MaxBytes = vm.Policy.Max.Bytes,
            StaticMaxBytes = report is { Capabilities: { } can, Sizes: { } has } ? (has.Base + can.ExtendableTo).Bytes
            : vm.Policy.Max.Bytes,
            Shares = vm.Policy.Shares,
            Restart = vm.Spec is { } spec ? NameOf(spec.Restart) : null,
            Priority = vm.Spec?.Priority ?? 0,
            Returns = vm.Tries,
            WorkingSetBytes = forecast?.WorkingSet.Bytes,
            DemandBytes = forecast?.Demand.Bytes,
            OverheadBytes = status.State.Ledger.Claims.TryGetValue(id, out var claim) ? claim.Overhead.Bytes : vm.Overhead.Bytes,
            Waits = status.Waits.FirstOrDefault(w => w.Vm == id) is { } wait ? WaitOf(wait) : null,
            HeldSince = status.Held.TryGetValue(id, out var since) ? now.WallOf(since) : null,
            OwedBytes = vm.Owed?.Bytes,
            OperatorTargetBytes = vm.OperatorTarget?.Bytes,
            Agent = report?.Sample?.Source switch
            {
                SampleSource.Agent => "agent",
                SampleSource.BalloonStatistics => "balloonStatistics",
                _ => "none",
            },
            Hypervisor = vm.Handle.Hypervisor,
            Accel = report?.Capabilities?.Accelerator,
            Trust = trust?.ToString().ToLowerInvariant(),
            TrustWhy = trust is { } how
                ? Trusts.Text(how, sizes, report?.Capabilities?.Group, report?.NotHeld ?? report?.Capabilities?.Unenforced) : null,
            Pid = vm.Handle.Pid,
            Adopted = !vm.Handle.Owned,
            OperatorQmp = vm.Handle.OperatorSocket,
            Console = vm.Handle.ConsoleSocket,
            Guest = report is null ? null : GuestOf(report, now),
            Warnings = report is null ? []
                : [.. report.Warnings, .. claim is not null && VmLimit.Warning(report.Cost, claim, vm.Policy.Max) is { } limit ? [limit]
                    : (string[])[],
                    .. claim is not null && Keepers.Warning(claim) is { } keeps ? [keeps] : (string[])[]],
        };
    }

    private static VmView VmOf(RestingVm vm, Clocks now)
    {
        var policy = vm.Spec.Policy;
        return new()
        {
            Id = vm.Spec.Id.Name,
            State = vm.IsToReturn ? "returning" : "stopped",
            Why = vm.Drained ? $"{vm.Why}; its host is drained: it returns with 'dmm host undrain'"
                : now.WallOf(vm.ReturnAt) is { } at ? $"{vm.Why}; it returns at {at:HH:mm:ss}"
                : vm.Why,
            BaseBytes = 0,
            PluggedBytes = 0,
            BalloonedBytes = 0,
            ActualBytes = 0,
            GrantedBytes = 0,
            TargetBytes = 0,
            MinBytes = policy.Min.Bytes,
            MaxBytes = policy.Max.Bytes,
            StaticMaxBytes = policy.Max.Bytes,
            Shares = policy.Shares,
            Restart = NameOf(vm.Spec.Restart),
            Priority = vm.Spec.Priority,
            ReturnsAt = now.WallOf(vm.ReturnAt),
            Returns = vm.Tries,
            OverheadBytes = 0,
            Agent = "none",
            Hypervisor = "",
            Adopted = false,
            Warnings = [],
        };
    }

    private static string NameOf(RestartPolicy restart) =>
        restart == RestartPolicy.OnFailure ? "onFailure" : restart.ToString().ToLowerInvariant();

    private static GuestView GuestOf(VmProtocol.Report report, Clocks now) => new()
    {
        SampledAt = now.WallOf(report.Sample?.At),
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
