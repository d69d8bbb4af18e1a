namespace Dmm.Core.Admission;

public sealed record AdmissionSettings
{
    /// <summary>How long a VM waits for its memory unless its request says otherwise.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How many VMs may wait.</summary>
    public int Queue { get; init; } = 64;

    /// <summary>Says why no more VMs may wait; null where one more may.</summary>
    public string? Full(int waiting) =>
        waiting >= Queue ? $"{waiting} VMs wait to be created already, as many as dmm.admission.queue allows; try again later" : null;
}
