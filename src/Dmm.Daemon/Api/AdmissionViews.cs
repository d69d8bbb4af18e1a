using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;

namespace Dmm.Daemon.Api;

/// <summary>The daemon's views of VMs that are to be created.</summary>
public static class AdmissionViews
{
    public static AdmissionView Of(HostProtocol.Status status, AdmissionRecord admission, Clocks now) => new(
        admission.Spec.Id.Name, StateOf(admission), admission.Size.Bytes, Missing(status, admission).Bytes, WhyOf(status, admission, now),
        now.WallOf(admission.At),
        admission.Reserved is null ? now.WallOf(admission.Deadline) : null)
    {
        Priority = admission.Spec.Priority,
        BootPolicy = admission.Spec.BootPolicy.ToString().ToLowerInvariant(),
        From = admission.Plan is { } plan ? [.. plan.From.Select(part => Of(part, HostAdmissions.Outstanding(part, status.State)))] : [],
        ExpectedSeconds = admission.Plan is { From.IsEmpty: false } planned ? Math.Round(planned.Expected.TotalSeconds, 1) : null,
        Late = admission.Plan?.Late ?? false,
    };

    public static DryRunView Of(HostProtocol.DryRunResult foreseen, IReadOnlyList<string> notes) => new()
    {
        Vm = foreseen.Vm.Name,
        Prospect = foreseen.Prospect.ToString().ToLowerInvariant(),
        Text = foreseen.Text,
        Fits = foreseen.Prospect is Prospect.Starts or Prospect.Gathers,
        BootBytes = foreseen.Boot?.Bytes,
        From = [.. (foreseen.Plan?.From ?? []).Select(part => Of(part, part.Size))],
        ExpectedSeconds = foreseen.Plan is { } plan ? Math.Round(plan.Expected.TotalSeconds, 1) : null,
        Notes = notes,
    };

    private static string StateOf(AdmissionRecord admission) => admission.State.ToString().ToLowerInvariant();

    /// <summary>
    /// The admission's state as one of a VM's states. An admission's planned and shrinking become waiting, because shrinking means
    /// something else for a VM.
    /// </summary>
    public static string StateAsVm(AdmissionRecord admission) => admission.State switch
    {
        AdmissionState.Requested => "requested",
        AdmissionState.Reserved or AdmissionState.Launching => "launching",
        _ => "waiting",
    };

    public static string WhyOf(HostProtocol.Status status, AdmissionRecord admission, Clocks now) => admission switch
    {
        { State: AdmissionState.Launching } => $"{admission.Reserved} set aside; the hypervisor is starting it",
        { State: AdmissionState.Reserved } when status.State.Drain is not null =>
        $"{admission.Reserved} set aside; {HostAdmissions.WhyDrained}",
        { State: AdmissionState.Reserved } => $"{admission.Reserved} set aside; it waits for its turn to be launched",
        _ when status.State.Drain is not null => $"{HostAdmissions.WhyDrained}; until {now.WallOf(admission.Deadline):HH:mm:ss}",
        { Plan: { } plan } =>
        AdmissionWords.Progress(admission, plan, Missing(status, admission), part => HostAdmissions.Outstanding(part, status.State), now),
        { Why: { } why } => $"{why}; until {now.WallOf(admission.Deadline):HH:mm:ss}",
        _ => $"it has just been requested; until {now.WallOf(admission.Deadline):HH:mm:ss}",
    };

    private static MemorySize Missing(HostProtocol.Status status, AdmissionRecord admission) => admission switch
    {
        { Reserved: not null } => MemorySize.Zero,
        _ when status.Waits.FirstOrDefault(w => w.Vm == admission.Spec.Id) is { } wait => wait.Missing,
        _ => (admission.Plan?.For ?? admission.LeastSize).MinusOrZero(status.State.Ledger.Free),
    };

    private static ContributionView Of(Contribution part, MemorySize outstanding)
    {
        var kind = part.Kind.ToString();
        return new(part.Vm.Name, part.Size.Bytes, outstanding.Bytes, char.ToLowerInvariant(kind[0]) + kind[1..]);
    }
}
