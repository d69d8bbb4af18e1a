using Dmm.Core.Vms;

namespace Dmm.Core.Admission;

/// <summary>A VM that someone wants, and how far it has come.</summary>
/// <param name="Overhead">What its hypervisor is expected to need beside its memory.</param>
/// <param name="At">When it was asked for.</param>
/// <param name="Deadline">Until then its memory must be set aside.</param>
/// <param name="Reserved">Set aside for it, overhead included; null before.</param>
public sealed record AdmissionRecord(VmSpec Spec, MemorySize Overhead, Moment At, Moment Deadline, MemorySize? Reserved)
{
    /// <summary>Which request of this host it is: who came first has the lower one.</summary>
    public long Number { get; init; }

    /// <summary>
    /// It was remembered and returns: how many returns there were since it last ran well. Null: it is created for the first time.
    /// </summary>
    public int? Tries { get; init; }

    /// <summary>It is a return, and in none of its lives was its guest heard of.</summary>
    public bool NeverBooted { get; init; }

    public AdmissionState State { get; init; }

    /// <summary>When it entered its state; a request that shrinks its peers keeps the time of its plan.</summary>
    public Moment Since { get; init; } = At;

    /// <summary>The least that its image can be booted with, as its hypervisor knows; zero where it does not.</summary>
    public MemorySize ImageNeeds { get; init; }

    /// <summary>Who gives for it, while somebody does.</summary>
    public RoomPlan? Plan { get; init; }

    public WaitCause? Cause { get; init; }

    /// <summary>Why it waits, with the figures of the moment in which that began.</summary>
    public string? Why { get; init; }

    /// <summary>
    /// What it boots with, once that is decided; may be less than it asked where its policy is <see cref="BootPolicy.Early"/>.
    /// </summary>
    public MemorySize? Boot { get; init; }

    public MemorySize Size => Spec.Boot + Overhead;

    /// <summary>The least that it may start with.</summary>
    public MemorySize LeastSize => LeastBoot(Spec, ImageNeeds) + Overhead;

    /// <summary>
    /// The least that a VM may boot with: all that it asked, or, where it may start early, its guarantee and what its image needs.
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

    /// <summary>All that give for it have been told to: since when it was planned stays.</summary>
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
    /// <summary>As many as may gather at once do so already, or one before it waits.</summary>
    BehindOthers,

    /// <summary>Its peers can't give what it lacks now: they use it, or are not to be counted on.</summary>
    PeersCanNot,

    /// <summary>The guarantees of the VMs that run leave it no room: one of them must end, or be guaranteed less.</summary>
    Guarantees,
}
