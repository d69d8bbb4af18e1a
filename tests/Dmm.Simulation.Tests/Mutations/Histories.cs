using Dmm.Simulation.Core;

namespace Dmm.Simulation.Tests.Mutations;

/// <summary>What is run on a mutant.</summary>
internal static class Histories
{
    /// <summary>Many short histories find a rare fault sooner than a few long ones: hosts differ from history to history.</summary>
    public const long StepsEach = 60_000;

    /// <summary>A slow journal lets messages pile up, a reset is what an echo follows.</summary>
    private static readonly string[] Beside = ["journal-slow", "comes-back"];

    internal static void UntilOneBreaks(long steps)
    {
        for (var seed = 1UL; steps > 0; seed++, steps -= StepsEach)
        {
            var result = new CoreSimulation().Run(new() { Seed = seed, Steps = StepsEach }, HistoryLog.Nothing, CancellationToken.None);
            if (result.Violation is { } found)
                throw new InvalidOperationException($"{found.Rule}: {found.What}");
        }
    }

    /// <summary>Histories in which few faults occur, so that one of them is met soon.</summary>
    /// <param name="fault">The number of a fault in <see cref="CoreSimulation.FaultNames"/>.</param>
    internal static void OfOneFault(long fault) => LiveThrough(fault, 40);

    /// <inheritdoc cref="OfOneFault(long)"/>
    /// <param name="histories">How many are lived through at most.</param>
    internal static void LiveThrough(long fault, int histories)
    {
        var names = new CoreSimulation().FaultNames;
        var without = names.Except([names[(int)fault], .. Beside]).ToHashSet();
        for (var seed = 1UL; seed <= (ulong)histories; seed++)
        {
            var result = new CoreSimulation().Run(
                new() { Seed = seed, Steps = 30_000, Without = without }, HistoryLog.Nothing, CancellationToken.None);
            if (result.Violation is { } found)
                throw new InvalidOperationException($"{found.Rule}: {found.What}");
        }
    }
}
