namespace Dmm.Core.Events;

/// <summary>
/// Something that an operator wants to know of: published on the system's event stream by whoever sees it, numbered and kept for a while
/// (<see cref="EventBook"/>). Kinds are lower camel case and stable.
/// </summary>
public sealed record Notice(DateTimeOffset At, string Kind, VmId? Vm, string Text, MemorySize? From = null, MemorySize? To = null);
