using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// The bounds to which the host itself holds the VM's process. They follow the claim: they rise before a device is told to grow, and fall
/// when no device can become more any longer.
/// </summary>
internal sealed partial class VmTurn
{
    /// <summary>Sets the bounds where they have changed. Higher ones come before every other effect of this turn.</summary>
    private void HoldToClaim()
    {
        if (!Vm.InHand || Memory is not { Target: { } target, Sizes: not null, Capabilities.Group: not null }
            || (Vm.NotHeld is not null && !Vm.HoldAgain))
            return;
        var overhead = MemorySize.Max(Vm.Overhead, Vm.Cost?.Overhead ?? MemorySize.Zero);
        var bounds = VmBounds.Of(
            Memory.Ceiling, target, Memory.Max, overhead, settings.Guaranteed ? Memory.Min : MemorySize.Zero);
        if (bounds == Vm.Bounds)
            return;
        var effect = new VmEffect.Hold(bounds);
        if (bounds.Exceeds(Vm.Bounds))
            _effects.Insert(0, effect);
        else
            Do(effect);
        Vm = Vm with { Bounds = bounds, HoldAgain = false };
    }

    /// <summary>
    /// The host could not do it: what it would have enforced is no longer sure. It is tried again with the next measurement.
    /// </summary>
    private void NotHeld(string why)
    {
        if (Vm.NotHeld != why)
            Notify("notHeld", $"it can't be held to its claim: {why}");
        Vm = Vm with { NotHeld = why, Bounds = null };
        Report();
    }

    private void Held()
    {
        if (Vm.NotHeld is null)
            return;
        Vm = Vm with { NotHeld = null };
        Notify("held", "it is held to its claim again");
        Report();
    }
}
