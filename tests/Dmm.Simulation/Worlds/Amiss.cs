namespace Dmm.Simulation.Worlds;

/// <summary>A rule is broken.</summary>
/// <param name="Rule">The rule in a few words that are the same for every seed.</param>
/// <param name="What">The finding, with sizes and names.</param>
internal sealed record Amiss(string Rule, string What);
