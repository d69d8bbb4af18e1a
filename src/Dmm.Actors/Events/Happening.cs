using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Events;

/// <summary>
/// Something that an operator wants to know of: published on the system's event stream by whoever sees it, numbered and kept for a while by
/// <see cref="EventLogActor"/>. Kinds are lower camel case and stable.
/// </summary>
public sealed record Happening(DateTimeOffset At, string Kind, VmId? Vm, string Text, MemorySize? From = null, MemorySize? To = null);
