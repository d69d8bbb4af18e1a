using Dmm.Simulation.Core;
using Dmm.Tests.Mutations;

namespace Dmm.Simulation.Tests.Mutations;

/// <summary>
/// What holds hostile guests, other programs and control groups, each left out: histories in which hardly anything else occurs must find
/// that, and find nothing where it is there. What bounds the mailbox in bursts is found by stories (tests/Dmm.Core.Tests/Mutations).
/// </summary>
[Trait(Category.Name, Category.Long)]
public sealed class HazardMutations
{
    [Theory]
    [InlineData("takes-back", "Memory/Ledger.cs", "MemorySize.Max(MemorySize.Max(Nominal, Resident), Unproven)",
        "MemorySize.Max(Nominal, Unproven)")]
    [InlineData("others-take", "Hosts/HostTurn.World.cs", "Ledger = seen.Follow(outlook.Memory)", "Ledger = seen")]
    [InlineData("merges", "Hosts/HostCapacity.cs", "resident = resident.MinusOrZero(sight.Merged);", "")]
    [InlineData("group-limits", "Hosts/VmLimit.cs", "cost?.Limit is { } limit ? MemorySize.Max(",
        "cost?.Limit is { Bytes: < 0 } limit ? MemorySize.Max(")]
    [InlineData("group-limits", "Hosts/HostTurn.World.cs", "before.Take(sight, seen,", "before.Take(sight with { Groups = [] }, seen,")]
    [InlineData("echoes", "Machines/VmTurn.Memory.cs", "when Memory.IsEcho(sample.Value.At):", "when sample is null:")]
    public void The_simulation_finds_it(string fault, string file, string from, string to) =>
        Assert.True(
            Mutant.Of(file, from, to).Try(typeof(Histories), nameof(Histories.OfOneFault), NumberOf(fault)) is not null,
            $"with '{to}' no history of '{fault}' breaks a rule");

    [Theory]
    [InlineData("takes-back")]
    [InlineData("others-take")]
    [InlineData("merges")]
    [InlineData("group-limits")]
    [InlineData("bursts")]
    [InlineData("echoes")]
    public void Where_nothing_is_left_out_it_finds_nothing(string fault) => Histories.LiveThrough(NumberOf(fault), 6);

    private static int NumberOf(string fault) => new CoreSimulation().FaultNames.Index().Single(name => name.Item == fault).Index;
}
