namespace Dmm.Core.Admission;

/// <summary>Settings of admission (<c>dmm.admission</c>).</summary>
public sealed record AdmissionSettings
{
    /// <summary>How long a VM waits for its memory unless its request says otherwise.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How many VMs may wait.</summary>
    public int Queue { get; init; } = 64;

    /// <summary>The number of new VMs for which memory is gathered at the same time.</summary>
    public int Gather { get; init; } = 8;

    /// <summary>The number of VMs that are launched at the same time.</summary>
    public int Launches { get; init; } = 16;

    /// <summary>The most that Σ max may be, as a multiple of the memory for guests; 0: no bound.</summary>
    public double OvercommitMaxRatio { get; init; }

    /// <summary>Says why no more VMs may wait; null where one more may.</summary>
    public string? Full(int waiting) =>
        waiting >= Queue ? $"{waiting} VMs wait to be created already, as many as dmm.admission.queue allows; try again later" : null;
}
