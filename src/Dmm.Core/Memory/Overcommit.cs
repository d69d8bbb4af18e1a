using System.Globalization;

namespace Dmm.Core.Memory;

/// <summary>
/// The bound on the sum of all max: Σ max ÷ memory for guests (<c>dmm.admission.overcommit-max-ratio</c>). The sum of mins always fits; how
/// far the sum of maxes may go beyond the host is an operator's choice. Pure.
/// </summary>
public static class Overcommit
{
    /// <param name="others">Σ max of the other VMs that run, are being created, or are to return.</param>
    /// <param name="guests">Host memory less its reserve.</param>
    /// <param name="ratio">0: no bound.</param>
    /// <returns>Why the VM may not have that max, with figures; null: it may.</returns>
    public static string? Refusal(VmId vm, MemorySize max, MemorySize others, MemorySize guests, double ratio)
    {
        if (ratio <= 0)
            return null;
        var bound = guests.Scale(ratio);
        if (others + max <= bound)
            return null;
        var would = guests.IsZero ? double.PositiveInfinity : (double)(others + max).Bytes / guests.Bytes;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{vm}: with max {max} the sum of all max would be {others + max}, {would:0.##} times the {guests} for guests; "
                + $"dmm.admission.overcommit-max-ratio allows {ratio:0.##} times, so max can "
                + $"be {bound.MinusOrZero(others).RoundDown(MemorySize.FromMiB(2))} at most");
    }
}
