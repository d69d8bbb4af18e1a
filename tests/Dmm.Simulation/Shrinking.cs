namespace Dmm.Simulation;

/// <summary>
/// Makes a history that went wrong smaller: first without the steps after the violation, then with fewer VMs, then without every fault
/// that it does not need. The same rule must still be broken, but the step may differ.
/// </summary>
public static class Shrinking
{
    /// <summary>The most histories that are run in search of a smaller one.</summary>
    private const int MostTries = 200;

    public static (SimulationPlan Plan, SimulationResult Result) Shrink(
        Func<ISimulation> simulation, SimulationPlan plan, SimulationResult found, CancellationToken cancellation)
    {
        var rule = found.Violation?.Rule
        ?? throw new ArgumentException("a history in which nothing was found can't be made smaller", nameof(found));
        var best = (Plan: plan with { Steps = found.Violation.Step }, Result: found);
        var tries = 0;

        bool Try(SimulationPlan smaller)
        {
            if (++tries > MostTries || cancellation.IsCancellationRequested)
                return false;
            var result = simulation().Run(smaller, HistoryLog.Nothing, cancellation);
            if (result.Violation?.Rule != rule || result.Violation.Step > best.Result.Violation!.Step)
                return false;
            best = (smaller with { Steps = result.Violation.Step }, result);
            return true;
        }

        for (var smaller = true; smaller;)
        {
            smaller = false;
            foreach (var fault in best.Result.Faults.Order(StringComparer.Ordinal).ToArray())
                smaller |= Try(best.Plan with { Without = new SortedSet<string>(best.Plan.Without, StringComparer.Ordinal) { fault } });
            for (var vms = 1; vms < (best.Plan.Vms ?? 8); vms++)
            {
                if (!Try(best.Plan with { Vms = vms }))
                    continue;
                smaller = true;
                break;
            }
        }

        return best;
    }
}
