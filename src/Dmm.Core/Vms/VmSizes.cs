namespace Dmm.Core.Vms;

/// <summary>A VM's memory as its hypervisor reports it: the present sizes, and what its devices were last told to become.</summary>
/// <param name="Base">Memory that the VM booted with.</param>
/// <param name="Plugged">Memory added since, which the guest has now.</param>
/// <param name="Ballooned">Memory that the balloon holds back now.</param>
/// <param name="PluggedTarget">
/// The plugged memory that was last asked for; equals <paramref name="Plugged"/> when the request is done.
/// </param>
/// <param name="BalloonedTarget">The memory that the balloon was last asked to hold back.</param>
public sealed record VmSizes(
    MemorySize Base, MemorySize Plugged, MemorySize Ballooned, MemorySize PluggedTarget, MemorySize BalloonedTarget)
{
    /// <summary>base + plugged − ballooned: what the guest can use now.</summary>
    public MemorySize Actual => (Base + Plugged).MinusOrZero(Ballooned);

    /// <summary>
    /// Memory that one hotplug device has not given back yet while another may already take it. By this amount, more than the larger of
    /// <see cref="Plugged"/> and <see cref="PluggedTarget"/> can be plugged (<see cref="DeviceVector.Most"/>). Zero with one device, and
    /// where all devices grow or all shrink.
    /// </summary>
    public MemorySize Overlap { get; init; }

    /// <summary>
    /// Whether it is unknown what the balloon was last told: this connection has not told it anything, and its hypervisor does not say.
    /// The balloon may then give all that it holds back, so <see cref="BalloonedTarget"/> is zero. It must be told anew, even if it is to
    /// stay as it is.
    /// </summary>
    public bool BalloonUnsure { get; init; }

    /// <summary>The most that can be plugged from what the hotplug devices were told.</summary>
    public MemorySize PluggedMost => MemorySize.Max(Plugged, PluggedTarget) + Overlap;

    /// <summary>The most that the VM can become from what its devices were told, without being told anything new.</summary>
    public MemorySize Ceiling => (Base + PluggedMost).MinusOrZero(MemorySize.Min(Ballooned, BalloonedTarget));

    /// <summary>These sizes, for a connection that has not told the balloon anything yet.</summary>
    public VmSizes WithBalloonUnsure() => this with { BalloonedTarget = MemorySize.Zero, BalloonUnsure = true };

    /// <summary>These sizes with the plugged memory of these devices.</summary>
    /// <param name="asked">
    /// The plugged memory that was last asked for, where that was not a whole number of the devices' blocks; null: the sum of what they
    /// were told.
    /// </param>
    public VmSizes Of(IReadOnlyCollection<HotplugDevice> devices, MemorySize? asked = null)
    {
        var (plugged, target) = (DeviceVector.Plugged(devices), asked ?? DeviceVector.Requested(devices));
        var overlap = DeviceVector.Most(devices).MinusOrZero(MemorySize.Max(plugged, target));
        return this with { Plugged = plugged, PluggedTarget = target, Overlap = overlap };
    }
}
