using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;

namespace Dmm.Simulation;

/// <summary>
/// Collects, from the written events alone, which steps of a request's life (<see cref="AdmissionLife"/>) were taken in a history. A step
/// that was never taken was never tested.
/// </summary>
internal sealed class RequestSteps
{
    private readonly SortedSet<string> _seen = new(StringComparer.Ordinal);

    /// <summary>The steps taken, each as <c>Waiting Plan</c>: the state before, and the step.</summary>
    public IReadOnlySet<string> Seen => _seen;

    /// <summary>All steps that the table allows.</summary>
    public static IEnumerable<string> All =>
        from state in Enum.GetValues<AdmissionState>()
        from step in Enum.GetValues<AdmissionStep>()
        where AdmissionLife.After(state, step) is not null
        select $"{state} {step}";

    /// <summary>The fold of all events that were ever written: what was promised, regardless of what the host has.</summary>
    public HostState Truth { get; private set; } = new(new Ledger(MemorySize.FromGiB(1 << 20), MemorySize.Zero));

    public void Note(IHostEvent e)
    {
        var before = Truth.Admissions;
        Truth = Truth.Apply(e, new(Moment.Origin, e.At));
        foreach (var (id, admission) in before)
        {
            if (StepOf(e, id, admission) is { } step)
                _seen.Add($"{admission.State} {step}");
        }
    }

    private AdmissionStep? StepOf(IHostEvent e, VmId id, AdmissionRecord before) => e switch
    {
        AdmissionPlanned p when p.Vm == id => AdmissionStep.Plan,
        AdmissionWaits w when w.Vm == id => AdmissionStep.Wait,
        MemoryReserved m when m.Vm == id => AdmissionStep.Reserve,
        LaunchBegun b when b.Vm == id => AdmissionStep.LaunchBegins,
        VmLaunched l when l.Vm == id => AdmissionStep.Launched,
        AdmissionEnded { End: AdmissionEnd.Expired } a when a.Vm == id => AdmissionStep.Expire,
        AdmissionEnded { End: AdmissionEnd.Cancelled } a when a.Vm == id => AdmissionStep.Cancel,
        AdmissionEnded a when a.Vm == id => AdmissionStep.Fail,
        // A return that fails makes the VM rest again.
        VmRested { Cause: EndCause.Stopped } r when r.Spec.Id == id => AdmissionStep.Cancel,
        VmRested r when r.Spec.Id == id => before.State == AdmissionState.Launching ? AdmissionStep.Fail : AdmissionStep.Expire,
        PromisesChanged when before.State == AdmissionState.Planned && Truth.Admissions[id].State == AdmissionState.Shrinking =>
        AdmissionStep.PeersAsked,
        _ => null,
    };
}
