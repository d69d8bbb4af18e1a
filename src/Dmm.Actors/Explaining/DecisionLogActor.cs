using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Explaining;

/// <summary>
/// Remembers what was decided of each VM (<see cref="DecisionLog"/>), beside the host's actor, so that it outlives that one and costs it
/// nothing.
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

    /// <summary>Answered by <see cref="Explanation"/>.</summary>
    /// <param name="At">Null: now.</param>
    public sealed record Explain(VmId Vm, DateTimeOffset? At);

    /// <remarks>It is to listen to <see cref="Planned"/>.</remarks>
    public static Props Props(ExplainKeep keep, TimeProvider time) => Akka.Actor.Props.Create(() => new DecisionLogActor(keep, time));
}
