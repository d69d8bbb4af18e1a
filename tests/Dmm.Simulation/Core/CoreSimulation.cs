using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>
/// The pure core of a host in a plain loop, without Akka: fold of the journal, planner, granting, ledger, one hotplug machine per VM,
/// admission, forecasts. Messages are late, lost or delivered twice, calls fail, the daemon dies during writes, and guests have every
/// temper. A step is one thing that happens: a message is handled, a call is carried out, a guest moves, a write is done, a fault occurs.
/// </summary>
public sealed class CoreSimulation : ISimulation
{
    public SimulationDepth Depth => SimulationDepth.Core;

    public IReadOnlyList<string> FaultNames => Faults.NamesOf(Depth);

    public SimulationResult Run(SimulationPlan plan, HistoryLog log, CancellationToken cancellation)
    {
        CoreWorld? world = null;
        long step = 0;
        Violation? violation = null;
        try
        {
            world = new(plan, log);
            while (step < plan.Steps && !cancellation.IsCancellationRequested)
            {
                log.Step = ++step;
                if (!world.Agenda.Next())
                    throw new ViolationException("standstill", "nothing is left to happen");
                world.Invariants.Holds();
            }
        }
        catch (ViolationException found)
        {
            violation = new(step, found.Rule, found.What);
        }
        catch (Exception thrown)
        {
            violation = new(step, thrown.GetType().Name, thrown.ToString());
        }

        return new(plan.Seed, step, world?.Crashes ?? 0, violation)
        {
            Settlements = world?.Settlements ?? 0,
            Phases = world?.Phases ?? new HashSet<(VmPhase, VmPhase)>(),
            RequestSteps = world?.RequestSteps ?? new HashSet<string>(),
            Faults = world is null ? new HashSet<string>() : world.Befallen.Select(Faults.NameOf).ToHashSet(),
        };
    }
}
