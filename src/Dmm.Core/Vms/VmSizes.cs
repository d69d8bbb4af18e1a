using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>A VM's memory as its hypervisor reports it: what <i>is</i>, and what its devices were last told to become.</summary>
/// <param name="Base">Memory that the VM booted with.</param>
/// <param name="Plugged">Memory added since, in the guest's hands now.</param>
/// <param name="Ballooned">Memory that the balloon holds back now.</param>
/// <param name="PluggedTarget">What hotplug was last asked for; equals <paramref name="Plugged"/> when it is done.</param>
/// <param name="BalloonedTarget">What the balloon was last asked to hold back.</param>
public sealed record VmSizes(MemorySize Base, MemorySize Plugged, MemorySize Ballooned, MemorySize PluggedTarget, MemorySize BalloonedTarget)
{
    /// <summary>base + plugged − ballooned: what the guest can use now.</summary>
    public MemorySize Actual => (Base + Plugged).MinusOrZero(Ballooned);

    /// <summary>The most that the VM can become from what its devices were told, without being told anything new.</summary>
    public MemorySize Ceiling => (Base + MemorySize.Max(Plugged, PluggedTarget)).MinusOrZero(MemorySize.Min(Ballooned, BalloonedTarget));
}
