using Dmm.Core.Vms;

namespace Dmm.Core.Admission;

/// <summary>A VM that someone asked for, and how far the request has come.</summary>
/// <param name="Overhead">The memory that its hypervisor is expected to need beside the VM's own.</param>
/// <param name="At">When it was asked for.</param>
/// <param name="Deadline">Its memory must be set aside by then.</param>
/// <param name="Reserved">The memory set aside for it, overhead included; null before.</param>
public sealed record AdmissionRecord(VmSpec Spec, MemorySize Overhead, Moment At, Moment Deadline, MemorySize? Reserved)
{
    /// <summary>The number of the request on this host: a lower number came earlier.</summary>
    public long Number { get; init; }

    /// <summary>The number of returns since a remembered VM last ran well. Null: the VM is created for the first time.</summary>
    public int? Tries { get; init; }

    /// <summary>True for a return of a VM whose guest has never been heard from, in any of its runs.</summary>
    public bool NeverBooted { get; init; }

    public AdmissionState State { get; init; }

    /// <summary>When it entered its state. In <see cref="AdmissionState.Shrinking"/> this is still the time of its plan.</summary>
    public Moment Since { get; init; } = At;

    /// <summary>The least memory that its image can boot with, as its hypervisor knows; zero where it does not know.</summary>
    public MemorySize ImageNeeds { get; init; }

    /// <summary>The peers that give for it, while any does.</summary>
    public RoomPlan? Plan { get; init; }

    public WaitCause? Cause { get; init; }

    /// <summary>Why it waits, with the figures of the moment at which the wait began.</summary>
    public string? Why { get; init; }

    /// <summary>
    /// The memory that it boots with, once decided; may be less than it asked for where its policy is <see cref="BootPolicy.Early"/>.
    /// </summary>
    public MemorySize? Boot { get; init; }

    public MemorySize Size => Spec.Boot + Overhead;

    /// <summary>The least that it may start with.</summary>
    public MemorySize LeastSize => LeastBoot(Spec, ImageNeeds) + Overhead;

    /// <summary>
    /// The least that a VM may boot with: all that it asked for; or, where it may start early, the larger of its guarantee and its image's
    /// need.
    /// </summary>
    public static MemorySize LeastBoot(VmSpec spec, MemorySize imageNeeds) =>
        spec.BootPolicy == BootPolicy.Early ? MemorySize.Min(spec.Boot, MemorySize.Max(spec.Policy.Min, imageNeeds)) : spec.Boot;

    public AdmissionRecord Planned(RoomPlan plan, bool asked, Moment at) =>
        Step(AdmissionStep.Plan, at) with
        {
            Plan = plan,
            Cause = null,
            Why = null,
            State = asked ? AdmissionState.Shrinking
            : AdmissionState.Planned
        };

    public AdmissionRecord Waits(WaitCause cause, string why, Moment at) =>
        Step(AdmissionStep.Wait, at) with { Plan = null, Cause = cause, Why = why };

    /// <summary>All peers that give for it have been told so. The time of the plan stays.</summary>
    public AdmissionRecord PeersAsked() => Step(AdmissionStep.PeersAsked, Since);

    public AdmissionRecord SetAside(MemorySize boot, MemorySize reserved, Moment at) =>
        Step(AdmissionStep.Reserve, at) with { Plan = null, Cause = null, Why = null, Boot = boot, Reserved = reserved };

    public AdmissionRecord LaunchBegun(Moment at) => Step(AdmissionStep.LaunchBegins, at);

    /// <exception cref="InvalidOperationException">The table has no such step.</exception>
    private AdmissionRecord Step(AdmissionStep step, Moment at) => this with
    {
        State = AdmissionLife.After(State, step) ?? throw new InvalidOperationException($"{Spec.Id} is {State}: {step} does not follow"),
        Since = at,
    };
}

/// <summary>Why nothing can be done for a request now.</summary>
public enum WaitCause
{
    /// <summary>Memory is gathered for the allowed number of requests already, or one before it waits.</summary>
    BehindOthers,

    /// <summary>Its peers can't give what it lacks now: they use it, or can't be counted on.</summary>
    PeersCanNot,

    /// <summary>The guarantees of the running VMs leave no room for it: one of them must end, or be guaranteed less.</summary>
    Guarantees,
}
