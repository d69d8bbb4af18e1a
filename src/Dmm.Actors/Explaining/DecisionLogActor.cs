using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Explaining;

/// <summary>
/// Keeps what was decided for each VM (<see cref="DecisionLog"/>). It is separate from the host's actor, so that it outlives that actor
/// and costs it nothing.
/// </summary>
public sealed class DecisionLogActor : ReceiveActor
{
    public const string Name = "decisions";

    private readonly DecisionLog _log;

    public DecisionLogActor(ExplainKeep keep, TimeProvider time)
    {
        _log = new(keep);
        Receive<Planned>(_log.Take);
        Receive<Explain>(explain => Sender.Tell(_log.Explain(explain.Vm, explain.At, Clocks.Read(time))));
    }

    /// <summary>Asks for an explanation; answered by <see cref="Explanation"/>.</summary>
    /// <param name="At">The time to explain; null: now.</param>
    public sealed record Explain(VmId Vm, DateTimeOffset? At);

    /// <remarks>The actor must be subscribed to <see cref="Planned"/>.</remarks>
    public static Props Props(ExplainKeep keep, TimeProvider time) => Akka.Actor.Props.Create(() => new DecisionLogActor(keep, time));
}
