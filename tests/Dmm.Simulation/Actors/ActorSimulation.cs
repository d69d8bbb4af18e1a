namespace Dmm.Simulation.Actors;

/// <summary>
/// The whole actor system of a host on virtual time, in a world that fails in every way that it can. A step is one event of the virtual
/// clock (a timer, an answer of the hypervisor or the disk, a guest's movement, something that an operator asks), with all messages that
/// follow from it.
/// </summary>
public sealed class ActorSimulation : ISimulation
{
    public SimulationDepth Depth => SimulationDepth.Actors;

    public SimulationResult Run(SimulationPlan plan, HistoryLog log, CancellationToken cancellation) =>
        SimulationThread.Run(() => new ActorHistory(plan, log).Live(cancellation));
}
