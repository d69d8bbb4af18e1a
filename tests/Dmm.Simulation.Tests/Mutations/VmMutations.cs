using Dmm.Tests.Mutations;

namespace Dmm.Simulation.Tests.Mutations;

/// <summary>
/// The guards of a VM's machine, and of the host's plan for it, each left out. The simulation of the core must find each of these.
/// </summary>
[Trait(Category.Name, Category.Long)]
public sealed class VmMutations
{
    private const string Memory = "Machines/VmTurn.Memory.cs";
    private const string Machine = "Vms/HotplugMachine.cs";
    private const string Ladder = "Vms/Ladder.cs";
    private const long Steps = 4_000_000;

    [Theory]
    [InlineData("a reset is sizes like any other", Memory, "if (sizes.AfterReset)", "if (sizes is null)")]
    [InlineData("what a guest that was reset could give is believed", Machine, "            Available = null,\n", "")]
    [InlineData("the balloon of a guest that boots stays", Ladder, "new VmEvent.BalloonAsked(MemorySize.Zero, Again: false, now)",
        "new VmEvent.BalloonAsked(sizes.BalloonedTarget, Again: false, now)")]
    [InlineData("a guest in need does not take its lease", "Machines/VmTurn.cs", "InNeed(need); break;", "break;")]
    [InlineData("a figure from before a reset counts", "Vms/GuestReset.cs",
        "shown.Ballooned == Figure ? shown with { Ballooned = MemorySize.Zero } : shown;", "shown;")]
    public void The_simulation_finds_it(string what, string file, string from, string to) =>
        Assert.True(Mutant.Of(file, from, to).Try(typeof(Histories), nameof(Histories.UntilOneBreaks), Steps) is not null,
            $"'{what}' was found by no history");
}
