using System.Diagnostics;

namespace Dmm.Simulation;

/// <summary>Many histories; as many run at once as there are processors.</summary>
public sealed record CampaignPlan
{
    /// <summary>The seed of the first history; each further history has the next seed.</summary>
    public required ulong FirstSeed { get; init; }

    /// <summary>Steps of all histories of the pure core together.</summary>
    public required long CoreSteps { get; init; }

    /// <summary>Steps of all histories of the actors together.</summary>
    public required long ActorSteps { get; init; }

    /// <summary>Steps of one history of the pure core.</summary>
    public long CoreStepsPerSeed { get; init; } = 200_000;

    public long ActorStepsPerSeed { get; init; } = 50_000;

    public int Parallel { get; init; } = Environment.ProcessorCount;
}

/// <summary>The result of a campaign: the content of <c>artifacts/simulate/simulate.json</c>.</summary>
/// <param name="Steps">Steps of the pure core.</param>
/// <param name="Seeds">Histories of both depths.</param>
/// <param name="Crashes">Deaths of the daemon in them.</param>
public sealed record CampaignResult(long Steps, long ActorSteps, long Seeds, long Violations, long Crashes, double Seconds);

/// <summary>Runs a campaign.</summary>
public static class Campaign
{
    private const int KeptLines = 60;

    /// <param name="say">Called for each violation as it is found, one call at a time.</param>
    public static CampaignResult Run(CampaignPlan plan, Action<string> say, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var histories = Histories(plan, SimulationDepth.Core, plan.CoreSteps, plan.CoreStepsPerSeed)
            .Concat(Histories(plan, SimulationDepth.Actors, plan.ActorSteps, plan.ActorStepsPerSeed));
        long steps = 0, actorSteps = 0, seeds = 0, violations = 0, crashes = 0;
        var gate = new Lock();
        System.Threading.Tasks.Parallel.ForEach(
            histories, new ParallelOptions { MaxDegreeOfParallelism = plan.Parallel }, (history, loop) =>
        {
            if (cancellation.IsCancellationRequested)
            {
                loop.Stop();
                return;
            }

            var log = new HistoryLog(0);
            var result = Simulations.Of(history.Depth).Run(history.Plan, log, cancellation);
            // The lines cost time, so they are made only for a violation: the same history runs again to get them.
            var report = result.Violation is null ? null : Describe(history.Depth, history.Plan, result, cancellation);
            lock (gate)
            {
                seeds++;
                crashes += result.Crashes;
                steps += history.Depth == SimulationDepth.Core ? result.Steps : 0;
                actorSteps += history.Depth == SimulationDepth.Actors ? result.Steps : 0;
                if (report is null)
                    return;
                violations++;
                say(report);
            }
        });
        return new(steps, actorSteps, seeds, violations, crashes, Math.Round(clock.Elapsed.TotalSeconds, 1));
    }

    private static string Describe(SimulationDepth depth, SimulationPlan plan, SimulationResult found, CancellationToken cancellation)
    {
        var log = new HistoryLog(KeptLines);
        var again = Simulations.Of(depth).Run(plan, log, cancellation);
        if (again.Violation != found.Violation)
            return $"seed {plan.Seed} is not the same history twice: {found.Violation}, then {again.Violation}";
        var (smallest, result) = Shrinking.Shrink(() => Simulations.Of(depth), plan, found, cancellation);
        return $"{Report.Of(depth, plan, again, log.Last)}{Environment.NewLine}{Report.Smallest(depth, smallest, result)}";
    }

    private static IEnumerable<(SimulationDepth Depth, SimulationPlan Plan)> Histories(
        CampaignPlan plan, SimulationDepth depth, long steps, long perSeed)
    {
        for (var (seed, left) = (plan.FirstSeed, steps); left > 0; seed++, left -= perSeed)
            yield return (depth, new() { Seed = seed, Steps = Math.Min(left, perSeed) });
    }
}
