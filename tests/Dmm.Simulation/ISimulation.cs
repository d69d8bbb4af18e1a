using Dmm.Core.Vms;

namespace Dmm.Simulation;

/// <summary>The part of the real program that a simulation runs.</summary>
public enum SimulationDepth
{
    /// <summary>The pure core alone, in a plain loop.</summary>
    Core,

    /// <summary>The whole actor system of a host, on virtual time.</summary>
    Actors,
}

/// <summary>
/// A deterministic simulation: the same plan leads to exactly the same history on every machine. So the seed alone identifies a history
/// that went wrong. An implementation uses no randomness but the seed's, reads no clock, and depends on no order of a hash table.
/// </summary>
public interface ISimulation
{
    SimulationDepth Depth { get; }

    /// <summary>The names of the faults that it knows, each of which can be left out; empty if it does not list them.</summary>
    IReadOnlyList<string> FaultNames => [];

    /// <summary>
    /// Runs one history, until its steps are done, the cancellation is requested, or a violation is found. Never throws for a finding: an
    /// exception out of the simulated program is a <see cref="Violation"/> too.
    /// </summary>
    SimulationResult Run(SimulationPlan plan, HistoryLog log, CancellationToken cancellation);
}

/// <summary>The parameters that determine a history.</summary>
public sealed record SimulationPlan
{
    public required ulong Seed { get; init; }

    /// <summary>The number of steps; each depth defines what a step is.</summary>
    public required long Steps { get; init; }

    /// <summary>The most VMs at once; with null the seed decides.</summary>
    public int? Vms { get; init; }

    /// <summary>Faults that are left out, by name: this makes a history smaller (<see cref="Shrinking"/>).</summary>
    public IReadOnlySet<string> Without { get; init; } = new HashSet<string>();

    /// <summary>
    /// Breaks the daemon on purpose: its monotonic clock is the host's time of day, as if intervals were measured with that. This tests
    /// whether a simulation would find such a fault.
    /// </summary>
    public bool OneClock { get; init; }

    /// <summary>
    /// Operators also drain the host, and take it back. Only at the depth of the actors; apart from the seed's other choices, so that
    /// without it each seed stays the history that it was.
    /// </summary>
    public bool Drains { get; init; }
}

/// <summary>The result of a history.</summary>
/// <param name="Steps">The steps done; fewer than planned after a violation or a cancellation.</param>
/// <param name="Crashes">The number of deaths of the daemon.</param>
public sealed record SimulationResult(ulong Seed, long Steps, long Crashes, Violation? Violation)
{
    /// <summary>The number of times of calm that ended with everything settled.</summary>
    public long Settlements { get; init; }

    /// <summary>The faults that occurred in this history at least once, by name.</summary>
    public IReadOnlySet<string> Faults { get; init; } = new HashSet<string>();

    /// <summary>
    /// The transitions between phases that VMs' memory made (docs/develop/hotplug.md); only the core's simulation fills it.
    /// </summary>
    public IReadOnlySet<(VmPhase From, VmPhase To)> Phases { get; init; } = new HashSet<(VmPhase, VmPhase)>();

    /// <summary>The steps of requests' lives that were taken in it, as <see cref="AllRequestSteps"/> names them.</summary>
    public IReadOnlySet<string> RequestSteps { get; init; } = new HashSet<string>();

    /// <summary>All steps of a request's life, each as <c>Waiting Plan</c>: the state before, and the step.</summary>
    public static IEnumerable<string> AllRequestSteps => Simulation.RequestSteps.All;
}

/// <summary>An observation that must not occur.</summary>
/// <param name="Step">The step after which it was seen, from 1.</param>
/// <param name="Rule">The rule that was broken, in a few words that are the same for every seed.</param>
/// <param name="What">The finding, with sizes and names.</param>
public sealed record Violation(long Step, string Rule, string What);
