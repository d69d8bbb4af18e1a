using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>One VM's estimator and forecaster.</summary>
public interface IDemandModel
{
    /// <summary>The last forecast; null before the first sample.</summary>
    Forecast? Current { get; }

    /// <param name="sizes">The VM's sizes as last known when the sample came.</param>
    /// <param name="wall">The host's time of day; it tells the hours in which guests need more.</param>
    /// <param name="most">The most that the VM can become: no forecast goes beyond it. Null where it is not known.</param>
    Forecast Take(GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null);

    /// <summary>
    /// The guest was reset: its counters begin anew, and what it needed just before says nothing of its boot. What it needed over hours and
    /// days is kept.
    /// </summary>
    void Reset();

    /// <summary>What it has learnt; null where that is nothing.</summary>
    ModelRecord? Remember(Clocks now) => null;

    /// <summary>Goes on from what an earlier model had learnt. What this one has learnt already stays.</summary>
    /// <exception cref="FormatException">The record is not one that a model writes; nothing is taken from it.</exception>
    void Recall(ModelRecord record, Clocks now)
    {
    }
}
