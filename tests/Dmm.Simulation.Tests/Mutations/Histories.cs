using Dmm.Simulation.Core;

namespace Dmm.Simulation.Tests.Mutations;

/// <summary>What is run on a mutant.</summary>
internal static class Histories
{
    /// <summary>Many short histories find a rare fault sooner than a few long ones: hosts differ from history to history.</summary>
    public const long StepsEach = 60_000;

    internal static void UntilOneBreaks(long steps)
    {
        for (var seed = 1UL; steps > 0; seed++, steps -= StepsEach)
        {
            var result = new CoreSimulation().Run(new() { Seed = seed, Steps = StepsEach }, HistoryLog.Nothing, CancellationToken.None);
            if (result.Violation is { } found)
                throw new InvalidOperationException($"{found.Rule}: {found.What}");
        }
    }
}
