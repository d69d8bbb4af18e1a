namespace Dmm.Core.Vms;

/// <summary>A VM's memory as its hypervisor reports it: what <i>is</i>, and what its devices were last told to become.</summary>
/// <param name="Base">Memory that the VM booted with.</param>
/// <param name="Plugged">Memory added since, in the guest's hands now.</param>
/// <param name="Ballooned">Memory that the balloon holds back now.</param>
/// <param name="PluggedTarget">What hotplug was last asked for; equals <paramref name="Plugged"/> when it is done.</param>
/// <param name="BalloonedTarget">What the balloon was last asked to hold back.</param>
public sealed record VmSizes(
    MemorySize Base, MemorySize Plugged, MemorySize Ballooned, MemorySize PluggedTarget, MemorySize BalloonedTarget)
{
    /// <summary>base + plugged − ballooned: what the guest can use now.</summary>
    public MemorySize Actual => (Base + Plugged).MinusOrZero(Ballooned);

    /// <summary>
    /// What one hotplug device has not given back yet while another may take it already: by so much more than the larger of
    /// <see cref="Plugged"/> and <see cref="PluggedTarget"/> can be plugged (<see cref="DeviceVector.Most"/>). Zero with one device, and
    /// where all grow or all shrink.
    /// </summary>
    public MemorySize Overlap { get; init; }

    /// <summary>
    /// The balloon has not been told anything by whoever reads this, and its hypervisor does not say what it was told before: it may give
    /// all that it holds back, so <see cref="BalloonedTarget"/> is zero. It is to be told anew, be it to stay as it is.
    /// </summary>
    public bool BalloonUnsure { get; init; }

    /// <summary>The most that can be plugged from what the hotplug devices were told.</summary>
    public MemorySize PluggedMost => MemorySize.Max(Plugged, PluggedTarget) + Overlap;

    /// <summary>The most that the VM can become from what its devices were told, without being told anything new.</summary>
    public MemorySize Ceiling => (Base + PluggedMost).MinusOrZero(MemorySize.Min(Ballooned, BalloonedTarget));

    /// <summary>These sizes for whoever has not told the balloon anything yet.</summary>
    public VmSizes WithBalloonUnsure() => this with { BalloonedTarget = MemorySize.Zero, BalloonUnsure = true };

    /// <summary>These sizes, with what is plugged as these devices tell it.</summary>
    /// <param name="asked">
    /// What hotplug was last asked for, where that was not made of whole blocks of theirs; null: what they were told.
    /// </param>
    public VmSizes Of(IReadOnlyCollection<HotplugDevice> devices, MemorySize? asked = null)
    {
        var (plugged, target) = (DeviceVector.Plugged(devices), asked ?? DeviceVector.Requested(devices));
        var overlap = DeviceVector.Most(devices).MinusOrZero(MemorySize.Max(plugged, target));
        return this with { Plugged = plugged, PluggedTarget = target, Overlap = overlap };
    }
}
