using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;

namespace Dmm.Actors.Supervision;

/// <summary>What the host's actor tells its keeper, and what the keeper can be asked.</summary>
public static class KeeperProtocol
{
    /// <summary>A change is being written down. The picture is the host as it was before.</summary>
    public sealed record Writing(HostProtocol.Status Picture);

    public sealed record Written;

    /// <summary>The journal was read to its end.</summary>
    public sealed record Replayed(HostProtocol.Status Picture);

    /// <summary>The first plan is made: the ledger governs.</summary>
    public sealed record InControl(int Vms);

    /// <summary>Every VM that the journal knows has reported its sizes, or that it can't be reached.</summary>
    public sealed record AllActors;

    /// <summary>The host's actor stops.</summary>
    /// <param name="Picture">Null where it had not read the journal to its end: what it knew is only a part.</param>
    /// <param name="Sequence">The last event that it knew.</param>
    /// <param name="Fault">What of the journal ended it; null where it was not the journal.</param>
    /// <param name="Failure">What it failed of that is no fault of the journal; null where it was stopped.</param>
    public sealed record Left(HostProtocol.Status? Picture, long Sequence, Exception? Fault, Exception? Failure);

    /// <summary>
    /// A change that somebody asked for; answered by <see cref="HostProtocol.Done"/> or <see cref="HostProtocol.Refused"/>, at once where
    /// the journal is broken.
    /// </summary>
    public sealed record Change(object Command);

    /// <summary>
    /// Asks for a <see cref="HostProtocol.Status"/>; answered by it or by <see cref="HostProtocol.Refused"/> while there is none yet.
    /// </summary>
    public sealed record Look;

    /// <summary>Asks for <see cref="JournalHealth"/>; answered at once.</summary>
    public sealed record GetHealth;
}

public sealed record KeeperSettings
{
    /// <summary>When this process started; what is told is counted from here.</summary>
    public required Moment ProcessStart { get; init; }

    /// <summary>Called, with the reason, when the journal needs a person: the daemon ends.</summary>
    public required Action<string> GiveUp { get; init; }

    /// <summary>
    /// First and longest wait before a broken journal, or a host's actor that failed, is tried again; it doubles in between.
    /// </summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A host's actor that has gone well for so long begins with the first wait again.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The clocks that it goes by; a simulation brings its own.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Who asked lately and may have to be told something by the keeper itself: no more of them are remembered.</summary>
    public int MostAskers { get; init; } = 1_000;
}
