using Dmm.Core.Vms;

namespace Dmm.Simulation;

/// <summary>How much of the real program a simulation runs.</summary>
public enum SimulationDepth
{
    /// <summary>The pure core alone, in a plain loop.</summary>
    Core,

    /// <summary>The whole actor system of a host, on virtual time.</summary>
    Actors,
}

/// <summary>
/// A deterministic simulation: the same plan leads to the same history, to the letter, on every machine. So a history that went wrong is
/// told by its seed alone. An implementation takes no chance but the seed's, reads no clock, and depends on no order of a hash table.
/// </summary>
public interface ISimulation
{
    SimulationDepth Depth { get; }

    /// <summary>The names of the faults that can befall it, each of which can be left out; empty where they are not told.</summary>
    IReadOnlyList<string> FaultNames => [];

    /// <summary>
    /// Lives through one history, until its steps are done, the cancellation asks to end, or something is found that must not be. Never
    /// throws for what it finds: an exception out of the simulated program is a <see cref="Violation"/> too.
    /// </summary>
    SimulationResult Run(SimulationPlan plan, HistoryLog log, CancellationToken cancellation);
}

/// <summary>What determines a history.</summary>
public sealed record SimulationPlan
{
    public required ulong Seed { get; init; }

    /// <summary>How many steps it has; what a step is, each depth says.</summary>
    public required long Steps { get; init; }

    /// <summary>The most VMs at once; null lets the seed choose.</summary>
    public int? Vms { get; init; }

    /// <summary>Faults that are left out, by name: how a history is made smaller (<see cref="Shrinking"/>).</summary>
    public IReadOnlySet<string> Without { get; init; } = new HashSet<string>();

    /// <summary>
    /// Broken on purpose: the daemon's monotonic clock is the host's time of day, as if intervals were taken from that. Whether a
    /// simulation would find it is tried so.
    /// </summary>
    public bool OneClock { get; init; }
}

/// <summary>What became of a history.</summary>
/// <param name="Steps">Steps done; fewer than planned after a violation or a cancellation.</param>
/// <param name="Crashes">How often the daemon died in it.</param>
public sealed record SimulationResult(ulong Seed, long Steps, long Crashes, Violation? Violation)
{
    /// <summary>How many times of calm ended with everything settled.</summary>
    public long Settlements { get; init; }

    /// <summary>The faults that befell this history at least once, by name.</summary>
    public IReadOnlySet<string> Faults { get; init; } = new HashSet<string>();

    /// <summary>From which state to which VMs' memory went in it (docs/develop/hotplug.md); told by the core's simulation alone.</summary>
    public IReadOnlySet<(VmPhase From, VmPhase To)> Phases { get; init; } = new HashSet<(VmPhase, VmPhase)>();

    /// <summary>The steps of requests' lives that were taken in it, as <see cref="AllRequestSteps"/> names them.</summary>
    public IReadOnlySet<string> RequestSteps { get; init; } = new HashSet<string>();

    /// <summary>All steps of a request's life that there are, each as <c>Waiting Plan</c>: from which state, by which step.</summary>
    public static IEnumerable<string> AllRequestSteps => Simulation.RequestSteps.All;
}

/// <summary>What was seen that must not be.</summary>
/// <param name="Step">The step after which it was seen, from 1.</param>
/// <param name="Rule">The rule that was broken, in a few words that stay the same from seed to seed.</param>
/// <param name="What">What was found, with sizes and names.</param>
public sealed record Violation(long Step, string Rule, string What);
