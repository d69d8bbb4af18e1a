namespace Dmm.Core.Planning;

/// <summary>One VM as the arbiter sees it. Sizes are actual sizes, without overhead.</summary>
/// <param name="Held">The host memory that the VM holds now: the larger of actual and granted.</param>
/// <param name="Want">The memory that the VM should have if there is enough.</param>
/// <param name="ShrinkTo">The size down to which a shrink is not expected to hurt; at least <paramref name="Want"/>.</param>
/// <param name="Movable">False for a VM that is lost or uncooperative: it keeps what it holds and its memory is not counted on.</param>
public readonly record struct Bid(
    VmId Vm, MemorySize Min, MemorySize Max, int Shares, MemorySize Held, MemorySize Want, MemorySize ShrinkTo, bool Urgent, bool Movable)
{
    private readonly MemorySize? _need;
    private readonly MemorySize? _asked;
    private readonly MemorySize? _takenTo;

    /// <summary>The part of <see cref="Want"/> that is in use or is about to be; the rest is headroom. Equals Want unless set.</summary>
    public MemorySize Need
    {
        get => MemorySize.Min(_need ?? Want, Want);
        init => _need = value;
    }

    /// <summary>
    /// The size that the VM was last told to become, where that is less than it holds: a VM that already gives goes on giving before
    /// others are asked.
    /// </summary>
    public MemorySize Asked
    {
        get => MemorySize.Min(_asked ?? Held, Held);
        init => _asked = value;
    }

    /// <summary>
    /// The size down to which its guest says that it can be taken. No shrink goes below it, so no plan counts on more. Equals min unless
    /// set; a VM where it is above <see cref="Held"/> gives nothing.
    /// </summary>
    public MemorySize TakenTo
    {
        get => _takenTo ?? Min;
        init => _takenTo = value;
    }

    /// <summary>The part of the time in which the guest is measured to stall on memory, 0 to 1.</summary>
    public double Harm { get; init; }
}

/// <summary>The rule that decided a VM's target.</summary>
public enum Ruling
{
    /// <summary>Nothing changes: the VM keeps what it has.</summary>
    Keep,

    /// <summary>The VM is lost or uncooperative: nothing new is asked of it.</summary>
    Immovable,

    /// <summary>The VM gets what it wants.</summary>
    Demand,

    /// <summary>The VM gives memory that it is not expected to miss.</summary>
    GivesSlack,

    /// <summary>The VM gives memory that it used lately and does not use now.</summary>
    GivesPast,

    /// <summary>
    /// There is not enough for all: the VM gets its weighted max-min fair share between min and demand, or keeps what it holds beyond
    /// that and can't give.
    /// </summary>
    FairShare,

    /// <summary>The VM would get more, but the limit of its control group does not allow more.</summary>
    Limited,

    /// <summary>A law other than DMM's own decides (<c>dmm.policy</c>).</summary>
    Policy,

    /// <summary>The VM gives what the plan for a VM to come says (<see cref="Admission.RoomPlan"/>).</summary>
    MakesRoom,
}

/// <summary>The plan for one VM.</summary>
public readonly record struct Allotment(VmId Vm, MemorySize Target, Ruling Ruling, bool Urgent)
{
    /// <summary>An operator ordered this size: it is carried out however little it differs from the last.</summary>
    public bool Exact { get; init; }
}
