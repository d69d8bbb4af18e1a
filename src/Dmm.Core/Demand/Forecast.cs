using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>What a VM is expected to need.</summary>
/// <param name="WorkingSet">Memory whose loss would slow the guest, now.</param>
/// <param name="Demand">Working set expected within the horizon, and headroom: what to grow to.</param>
/// <param name="ShrinkTo">Down to here a shrink is not expected to hurt; never below <paramref name="Demand"/>.</param>
/// <param name="Urgent">The guest is about to stall.</param>
/// <param name="At">When the sample behind it was taken.</param>
public sealed record Forecast(VmId Vm, MemorySize WorkingSet, MemorySize Demand, MemorySize ShrinkTo, bool Urgent, DateTimeOffset At);
