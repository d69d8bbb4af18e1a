namespace Dmm.Core.Demand;

/// <summary>The expected need of a VM.</summary>
/// <param name="WorkingSet">Memory whose loss would slow the guest now.</param>
/// <param name="Demand">The working set expected within the horizon, plus headroom: the size to grow to.</param>
/// <param name="ShrinkTo">A shrink down to this is not expected to hurt; never below <paramref name="Demand"/>.</param>
/// <param name="Urgent">The guest is about to stall.</param>
/// <param name="At">When the sample behind it was taken.</param>
public sealed record Forecast(VmId Vm, MemorySize WorkingSet, MemorySize Demand, MemorySize ShrinkTo, bool Urgent, Moment At)
{
    private readonly MemorySize? _need;

    /// <summary>
    /// The part of <see cref="Demand"/> that is in use or about to be. The rest is headroom: where memory is short, it is given up before
    /// the working set of any VM.
    /// </summary>
    public MemorySize Need
    {
        get => MemorySize.Min(_need ?? WorkingSet, Demand);
        init => _need = value;
    }

    /// <summary>
    /// The guest's memory less what it said was available. What it holds beyond this can be taken, less the margin of a shrink. Zero where
    /// it is not known.
    /// </summary>
    public MemorySize Used { get; init; }

    /// <summary>
    /// The part of the time in which the guest lately stood still for lack of memory, 0 to 1. It rises at once and decays over minutes.
    /// </summary>
    public double Harm { get; init; }

    /// <summary>How fast use grows, as a recent mean; below zero where it falls.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>The part of <see cref="Demand"/> beyond what is in use or about to be.</summary>
    public MemorySize Headroom { get; init; }

    /// <summary>The rule that bound <see cref="Headroom"/>.</summary>
    public string HeadroomBound { get; init; } = "";

    /// <summary>The part of the estimate that bound <see cref="ShrinkTo"/>.</summary>
    public string Bound { get; init; } = "";
}
