namespace Dmm.Simulation.Core;

/// <summary>A rule was broken.</summary>
internal sealed class ViolationException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;

    public string What { get; } = what;
}
