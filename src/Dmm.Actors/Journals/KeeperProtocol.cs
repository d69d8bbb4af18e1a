using Akka.Actor;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;

namespace Dmm.Actors.Journals;

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
    public sealed record Left(HostProtocol.Status? Picture, long Sequence, Exception? Fault);

    /// <summary>A change that somebody asked for; answered by <see cref="HostProtocol.Done"/> or <see cref="HostProtocol.Refused"/>, at once where the journal is broken.</summary>
    public sealed record Change(object Command);

    /// <summary>Asks for a <see cref="HostProtocol.Status"/>; answered by it or by <see cref="HostProtocol.Refused"/> while there is none yet.</summary>
    public sealed record Look;

    /// <summary>Asks for <see cref="JournalHealth"/>; answered at once.</summary>
    public sealed record GetHealth;
}

/// <summary>What the host's actor is given by its keeper.</summary>
/// <param name="Keeper">Who hears of writes; nobody in tests without one.</param>
/// <param name="ToldUpTo">Events up to here were told to operators by an earlier incarnation.</param>
public sealed record HostTenure(IActorRef Keeper, long ToldUpTo)
{
    public static HostTenure None { get; } = new(ActorRefs.Nobody, 0);
}
