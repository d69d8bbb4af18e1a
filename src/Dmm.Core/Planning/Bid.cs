namespace Dmm.Core.Planning;

/// <summary>One VM as the arbiter sees it. Sizes are actual sizes, without overhead.</summary>
/// <param name="Held">What it holds of the host now: the larger of actual and granted.</param>
/// <param name="Want">What it should have, if there is enough.</param>
/// <param name="ShrinkTo">Down to here taking is not expected to hurt; at least <paramref name="Want"/>.</param>
/// <param name="Movable">False for a VM that is lost or uncooperative: it keeps what it holds and nobody counts on it.</param>
public readonly record struct Bid(
    VmId Vm, MemorySize Min, MemorySize Max, int Shares, MemorySize Held, MemorySize Want, MemorySize ShrinkTo, bool Urgent, bool Movable)
{
    private readonly MemorySize? _need;
    private readonly MemorySize? _asked;
    private readonly MemorySize? _takenTo;

    /// <summary>What of <see cref="Want"/> is in use or about to be; the rest is headroom. All of it unless told.</summary>
    public MemorySize Need
    {
        get => MemorySize.Min(_need ?? Want, Want);
        init => _need = value;
    }

    /// <summary>
    /// What it was last told to become, where that is less than it holds: whoever gives already goes on giving before others are asked.
    /// </summary>
    public MemorySize Asked
    {
        get => MemorySize.Min(_asked ?? Held, Held);
        init => _asked = value;
    }

    /// <summary>
    /// Down to here its guest says that it can be taken: below this no shrink arrives, so nobody plans with more. Min unless told; above
    /// <see cref="Held"/> it gives nothing.
    /// </summary>
    public MemorySize TakenTo
    {
        get => _takenTo ?? Min;
        init => _takenTo = value;
    }

    /// <summary>The part of the time in which it stands still for memory, 0 to 1, as measured.</summary>
    public double Harm { get; init; }
}

/// <summary>Which rule decided a VM's target.</summary>
public enum Ruling
{
    /// <summary>Nothing to do: it keeps what it has.</summary>
    Keep,

    /// <summary>Lost or uncooperative: nothing is asked of it anew.</summary>
    Immovable,

    /// <summary>It gets what it wants.</summary>
    Demand,

    /// <summary>It gives of what it is not expected to miss.</summary>
    GivesSlack,

    /// <summary>It gives memory that it used lately and does not use now.</summary>
    GivesPast,

    /// <summary>
    /// Not enough for all: its weighted max-min fair share between min and demand, or what it holds beyond that and can't give.
    /// </summary>
    FairShare,

    /// <summary>It would get more, but its control group's limit allows no more.</summary>
    Limited,

    /// <summary>Another law than DMM's own decides (<c>dmm.policy</c>).</summary>
    Policy,

    /// <summary>It gives what the plan for a VM to come says (<see cref="Admission.RoomPlan"/>).</summary>
    MakesRoom,
}

/// <summary>The plan for one VM.</summary>
public readonly record struct Allotment(VmId Vm, MemorySize Target, Ruling Ruling, bool Urgent)
{
    /// <summary>Somebody ordered this size: it is done however little it differs from the last.</summary>
    public bool Exact { get; init; }
}
