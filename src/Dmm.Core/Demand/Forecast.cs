namespace Dmm.Core.Demand;

/// <summary>What a VM is expected to need.</summary>
/// <param name="WorkingSet">Memory whose loss would slow the guest, now.</param>
/// <param name="Demand">Working set expected within the horizon, and headroom: what to grow to.</param>
/// <param name="ShrinkTo">Down to here a shrink is not expected to hurt; never below <paramref name="Demand"/>.</param>
/// <param name="Urgent">The guest is about to stall.</param>
/// <param name="At">When the sample behind it was taken.</param>
public sealed record Forecast(VmId Vm, MemorySize WorkingSet, MemorySize Demand, MemorySize ShrinkTo, bool Urgent, Moment At)
{
    private readonly MemorySize? _need;

    /// <summary>
    /// What of <see cref="Demand"/> is in use or about to be: the rest is headroom, which in need goes before anybody's working set.
    /// </summary>
    public MemorySize Need
    {
        get => MemorySize.Min(_need ?? WorkingSet, Demand);
        init => _need = value;
    }

    /// <summary>
    /// What the guest had, less what it said was available: what it holds beyond this can be taken, less the margin of a shrink. Zero where
    /// it is not known.
    /// </summary>
    public MemorySize Used { get; init; }

    /// <summary>
    /// The part of the time in which the guest stood still for memory lately, 0 to 1; it rises at once and is forgotten over minutes.
    /// </summary>
    public double Harm { get; init; }

    /// <summary>How fast use grows, as a mean of late; below zero where it falls.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>What <see cref="Demand"/> holds beyond what is in use or about to be.</summary>
    public MemorySize Headroom { get; init; }

    /// <summary>Which rule bound <see cref="Headroom"/>.</summary>
    public string HeadroomBound { get; init; } = "";

    /// <summary>Which part of the estimate bound <see cref="ShrinkTo"/>.</summary>
    public string Bound { get; init; } = "";
}
