namespace Dmm.Simulation;

/// <summary>The simulations that there are. Made anew for each history: they may hold its state.</summary>
public static class Simulations
{
    // One branch a depth, so that the actors' assemblies are loaded by who asks for them alone.
    public static ISimulation Of(SimulationDepth depth) => depth switch
    {
        SimulationDepth.Core => new Core.CoreSimulation(),
        SimulationDepth.Actors => new Actors.ActorSimulation(),
        _ => throw new ArgumentOutOfRangeException(nameof(depth), depth, "not a depth of simulation"),
    };
}
