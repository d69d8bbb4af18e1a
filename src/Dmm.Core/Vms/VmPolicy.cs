namespace Dmm.Core.Vms;

/// <summary>The bounds of a VM's memory and its weight when memory is short, as its operator set them.</summary>
/// <param name="Min">The guarantee: DMM never takes the VM below this.</param>
/// <param name="Max">DMM never gives the VM more than this; may be raised while it runs.</param>
/// <param name="Shares">The weight under contention, 1 to 1,000,000; <see cref="DefaultShares"/> unless set.</param>
public sealed record VmPolicy(MemorySize Min, MemorySize Max, int Shares = VmPolicy.DefaultShares)
{
    public const int DefaultShares = 1000;
    public const int MaxShares = 1_000_000;

    /// <summary>The first fault of the policy, in one line; null where the policy is valid.</summary>
    public string? Fault() =>
        Min.IsZero ? "min is 0; a VM needs a min of its own, such as 128M"
        : Max < Min ? $"max {Max} is below min {Min}; max must be at least min"
        : Max > MemorySize.MostThereIs ? $"max is {Max}; it can be at most {MemorySize.MostThereIs}"
        : Shares is < 1 or > MaxShares ? $"shares is {Shares}; it must be from 1 to {MaxShares}"
        : null;
}
