using Dmm.Simulation.Worlds;

namespace Dmm.Simulation;

/// <summary>A rule was broken.</summary>
internal sealed class ViolationException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;

    public string What { get; } = what;

    public static void ThrowIf(Amiss? amiss)
    {
        if (amiss is not null)
            throw new ViolationException(amiss.Rule, amiss.What);
    }
}
