using System.Collections.Immutable;

namespace Dmm.Core.Lifecycle;

/// <summary>What is to be done about a guest that has not been heard of in this life of its VM.</summary>
public enum BootVerdict
{
    Wait,

    /// <summary>It is late: that is said, and it runs on.</summary>
    Say,

    /// <summary>It is given up.</summary>
    End,
}

/// <summary>
/// What becomes of a VM whose guest is silent after its start. It may check its disk, wait for a passphrase, hang, or be unable to speak:
/// nobody can tell from outside, so that is said. One that has booted once, in whatever life, is never ended for it; another only where its
/// spec asks for that. Pure.
/// </summary>
public static class BootWatch
{
    /// <param name="everBooted">Its guest was heard of before, in this life or an earlier one, or somebody else started it.</param>
    /// <param name="unheard">For how long it has run, connected, without a word from its guest.</param>
    public static BootVerdict Verdict(BootCheck check, bool everBooted, TimeSpan unheard, TimeSpan deadline) =>
        check == BootCheck.None || unheard < deadline ? BootVerdict.Wait
        : check == BootCheck.Strict && !everBooted ? BootVerdict.End
        : BootVerdict.Say;

    /// <param name="channel">There is a channel on which its agent could speak.</param>
    /// <param name="balloon">It has a balloon.</param>
    /// <param name="early">What it was started with, where that is less than it asked to boot with.</param>
    public static string Words(
        BootVerdict verdict, bool everBooted, TimeSpan deadline, bool channel, bool balloon, (MemorySize Boot, MemorySize Asked)? early)
    {
        ImmutableArray<string> parts =
        [
            $"nothing was heard of its guest within {deadline.TotalSeconds:0.#} s in which it ran (dmm.vm.boot-deadline): "
                + $"{(channel ? "its agent said no word" : "it has no channel for an agent")}, {(balloon ? "its balloon's driver told "
                    + "no statistics" : "it has no balloon")}",
            .. early is { } e ? [$"it was started early with {e.Boot} of the {e.Asked} that it asked to boot with, which may be too little"]
            : ImmutableArray<string>.Empty,
            verdict == BootVerdict.End
                ? "its boot-check is strict: it is ended; its console may say why"
                : $"it may {(everBooted ? "check its disks, " : "be installing, check its disks, ")}wait for somebody, hang, or be "
                + $"unable to speak: its console may say which; it runs on and keeps its memory",
        ];
        return string.Join("; ", parts);
    }
}
