namespace Dmm.Simulation;

/// <summary>The available simulations. Each history gets a new one, since it may hold state.</summary>
public static class Simulations
{
    // Each depth has its own branch, so that the actors' assemblies are loaded only if that depth is used.
    public static ISimulation Of(SimulationDepth depth) => depth switch
    {
        SimulationDepth.Core => new Core.CoreSimulation(),
        SimulationDepth.Actors => new Actors.ActorSimulation(),
        _ => throw new ArgumentOutOfRangeException(nameof(depth), depth, "not a depth of simulation"),
    };
}
