namespace Dmm.Core.Events;

/// <summary>
/// Something that an operator should know. The part that sees it publishes it on the actor system's event stream; it is then numbered and
/// kept for a while (<see cref="EventBook"/>). Kinds are lower camel case and stable.
/// </summary>
public sealed record Notice(DateTimeOffset At, string Kind, VmId? Vm, string Text, MemorySize? From = null, MemorySize? To = null);
