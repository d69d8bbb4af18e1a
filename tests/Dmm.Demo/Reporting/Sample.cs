using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Demo.Reporting;

/// <summary>One guest at one moment: QEMU's figures, and the guest's last report.</summary>
/// <param name="At">The time since the story's beginning.</param>
/// <param name="Round">The number of the round. Guests of one round were sampled within milliseconds.</param>
/// <param name="Load">Null until the guest's first report.</param>
public sealed record Sample(TimeSpan At, int Round, string Vm, QemuSight Qemu, LoadReport? Load);

/// <summary>A moment of the story in words.</summary>
/// <param name="Label">For a chapter, its name on the plot; null otherwise.</param>
public sealed record StoryLine(TimeSpan At, string Text, string? Label);

/// <summary>The host memory of the processes of all guests (shared pages by their share) at one moment.</summary>
public sealed record HostSample(TimeSpan At, MemorySize Used);
