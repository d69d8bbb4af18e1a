using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;

namespace Dmm.Actors.Supervision;

/// <summary>The messages from the host's actor to its keeper, and the requests that the keeper answers.</summary>
public static class KeeperProtocol
{
    /// <summary>A change is being written to the journal. The picture shows the host before the change.</summary>
    public sealed record Writing(HostProtocol.Status Picture);

    public sealed record Written;

    /// <summary>The journal was read to its end.</summary>
    public sealed record Replayed(HostProtocol.Status Picture);

    /// <summary>The first plan is made: the ledger is in control.</summary>
    public sealed record InControl(int Vms);

    /// <summary>Every VM that the journal knows has reported its sizes, or has reported that it can't be reached.</summary>
    public sealed record AllActors;

    /// <summary>The host's actor stops.</summary>
    /// <param name="Picture">
    /// The last picture; null where the journal was not read to its end, since the picture would be incomplete.
    /// </param>
    /// <param name="Sequence">The number of the last event that it knew.</param>
    /// <param name="Fault">The journal's fault that ended it; null where it was not the journal.</param>
    /// <param name="Failure">The exception that ended it, if that was not the journal's; null where it was stopped.</param>
    public sealed record Left(HostProtocol.Status? Picture, long Sequence, Exception? Fault, Exception? Failure);

    /// <summary>
    /// A requested change; answered by <see cref="HostProtocol.Done"/> or <see cref="HostProtocol.Refused"/>, at once where the journal
    /// is broken.
    /// </summary>
    public sealed record Change(object Command);

    /// <summary>
    /// Asks for a <see cref="HostProtocol.Status"/>; answered by it, or by <see cref="HostProtocol.Refused"/> while there is none yet.
    /// </summary>
    public sealed record Look;

    /// <summary>Asks for <see cref="JournalHealth"/>; answered at once.</summary>
    public sealed record GetHealth;
}

public sealed record KeeperSettings
{
    /// <summary>When this process started; reported times count from here.</summary>
    public required Moment ProcessStart { get; init; }

    /// <summary>Called, with the reason, when the journal needs a person: it ends the daemon.</summary>
    public required Action<string> GiveUp { get; init; }

    /// <summary>
    /// The first wait before a broken journal, or a host's actor that failed, is tried again; waits double up to <c>RetryMax</c>.
    /// </summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a host's actor must run without a fault before waits start at the first one again.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The clocks of the keeper; a simulation passes its own.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The most requests that are remembered because the keeper itself may have to answer them.</summary>
    public int MostAskers { get; init; } = 1_000;
}
