using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The whole actor system of a host on virtual time, in a world with every kind of fault. A step is one event of the virtual clock (a
/// timer, an answer of the hypervisor or the disk, a guest's movement, an operator's request), with all messages that follow from it.
/// </summary>
public sealed class ActorSimulation : ISimulation
{
    public SimulationDepth Depth => SimulationDepth.Actors;

    public IReadOnlyList<string> FaultNames => Faults.NamesOf(Depth);

    public SimulationResult Run(SimulationPlan plan, HistoryLog log, CancellationToken cancellation) =>
        SimulationThread.Run(() => new ActorHistory(plan, log).Live(cancellation));
}
