using Dmm.Core.Tests.Memory;
using Dmm.Tests.Mutations;

namespace Dmm.Core.Tests.Mutations;

/// <summary>
/// The ledger, broken on purpose by typical faults of such books. <see cref="LedgerProperties"/> must find each of them, and must find
/// nothing in the unbroken ledger that is built the same way.
/// <list type="number">
/// <item>A claim counts only what was granted, not what the VM has.</item>
/// <item>A promise is made without a check of what is free.</item>
/// <item>Memory is reserved without a check of what is free.</item>
/// <item>A reservation does not end when it becomes a claim.</item>
/// <item>A VM that ends twice gives its memory back twice.</item>
/// <item>A shrink counts as soon as it is asked for, not when it is confirmed.</item>
/// <item>A confirmed shrink counts down to what the VM has, although its devices were told more.</item>
/// <item>When a VM's claim changes, its previous claim is not subtracted from the sum.</item>
/// <item>The memory of a VM that was let go counts as free.</item>
/// </list>
/// </summary>
[Trait(Category.Name, Category.Long)]
public sealed class LedgerMutations
{
    private const string Ledger = "Memory/Ledger.cs";
    private const string Granting = "Planning/Granting.cs";
    private const long Histories = 250;

    /// <summary>The most histories for a mutant; its test ends with the first history that finds the fault.</summary>
    private const long MutantHistories = 4000;

    [Theory]
    [InlineData("granted alone", Ledger, "Held => MemorySize.Max(Taken, Granted + Lease);", "Held => Granted + Lease;")]
    [InlineData("no look at free", Ledger, "after.Size.MinusOrZero(before.Size) > Free ? null : With(vm, after)", "With(vm, after)")]
    [InlineData("reserved without a look", Ledger, "size > without.Free", "false")]
    [InlineData("never converted", Ledger, "EndReservation(vm).With(vm, claim)", "With(vm, claim)")]
    [InlineData("released twice", Ledger, "            : this;\n\n    private Ledger With",
        "            : this with { Claimed = Claimed.MinusOrZero(MemorySize.FromMiB(64)) };\n\n    private Ledger With")]
    [InlineData("asked is confirmed", Granting, "var granted = standing.Target == promise.Target\n", "var granted = true\n")]
    [InlineData("told is forgotten", Granting, "MemorySize.Max(MemorySize.Max(standing.Actual, standing.Ceiling), promise.Target)",
        "standing.Actual")]
    [InlineData("let go is free", Ledger, "Fixed => Reserved + Loose + HostReserve;", "Fixed => Reserved + HostReserve;")]
    [InlineData("sums", Ledger, "Claimed = Claimed - before + claim.Size", "Claimed = Claimed + claim.Size")]
    public void The_properties_find_it(string what, string file, string from, string to) =>
        Assert.True(Find(Mutant.Of(file, from, to), MutantHistories) is not null, $"'{what}' was found by no property");

    [Fact]
    public void The_unbroken_ledger_holds_when_it_is_built_the_same_way() =>
        Assert.Null(Find(Mutant.Of(Ledger, "public sealed record Ledger\n", "public sealed record Ledger\n"), Histories));

    private static Exception? Find(Mutant mutant, long histories) =>
        mutant.Try(typeof(LedgerProperties), nameof(LedgerProperties.UntilOneBreaks), histories);
}
