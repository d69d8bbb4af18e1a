using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Demo.Reporting;

/// <summary>One guest at one moment: what QEMU says, and what the guest itself said last.</summary>
/// <param name="At">Since the story's beginning.</param>
/// <param name="Round">Guests of one round were looked at within milliseconds.</param>
/// <param name="Load">Null until the guest has spoken.</param>
public sealed record Sample(TimeSpan At, int Round, string Vm, QemuSight Qemu, LoadReport? Load);

/// <summary>A moment of the story in words.</summary>
/// <param name="Label">Of a chapter: its name on the plot; null otherwise.</param>
public sealed record StoryLine(TimeSpan At, string Text, string? Label);

/// <summary>What the processes of all guests had of the host's memory (shared pages by their share) at one moment.</summary>
public sealed record HostSample(TimeSpan At, MemorySize Used);
