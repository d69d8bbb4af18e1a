using System.Collections.Immutable;

namespace Dmm.Core.Lifecycle;

/// <summary>The verdict on a guest that has not been heard from in this run of its VM.</summary>
public enum BootVerdict
{
    Wait,

    /// <summary>The guest is late: operators are told, and the VM runs on.</summary>
    Say,

    /// <summary>The VM is given up and ended.</summary>
    End,
}

/// <summary>
/// Decides about a VM whose guest is silent after its start. The guest may check its disk, wait for a passphrase, hang, or be unable to
/// speak; nobody can tell from outside, so operators are told. A VM that has booted once, in any run, is never ended for silence; any other
/// only where its spec asks for that. Pure.
/// </summary>
public static class BootWatch
{
    /// <summary>How a reason begins to speak of a start with less memory than was asked for.</summary>
    public const string StartedEarly = "it was started early with";

    /// <param name="everBooted">Its guest was heard from before, in this run or an earlier one, or somebody else started it.</param>
    /// <param name="unheard">How long it has run, connected, without a word from its guest.</param>
    public static BootVerdict Verdict(BootCheck check, bool everBooted, TimeSpan unheard, TimeSpan deadline) =>
        check == BootCheck.None || unheard < deadline ? BootVerdict.Wait
        : check == BootCheck.Strict && !everBooted ? BootVerdict.End
        : BootVerdict.Say;

    /// <param name="channel">True where there is a channel on which its agent could speak.</param>
    /// <param name="balloon">True where it has a balloon.</param>
    /// <param name="early">The memory that it was started with and the memory that it asked to boot with, where the first is less.</param>
    public static string Words(
        BootVerdict verdict, bool everBooted, TimeSpan deadline, bool channel, bool balloon, (MemorySize Boot, MemorySize Asked)? early)
    {
        ImmutableArray<string> parts =
        [
            $"nothing was heard from its guest within {deadline.TotalSeconds:0.#} s in which it ran (dmm.vm.boot-deadline): "
                + $"{(channel ? "its agent sent nothing" : "it has no channel for an agent")}, {(balloon ? "its balloon driver "
                    + "sent no statistics" : "it has no balloon")}",
            .. early is { } e ? [$"{StartedEarly} {e.Boot} of the {e.Asked} that it asked to boot with, which may be too little"]
            : ImmutableArray<string>.Empty,
            verdict == BootVerdict.End
                ? "its boot-check is strict: it is ended; its console may say why"
                : $"it may {(everBooted ? "check its disks, " : "be installing, check its disks, ")}wait for a person, hang, "
                + $"or be unable to report: its console may show which; it runs on and keeps its memory",
        ];
        return string.Join("; ", parts);
    }
}
