using Dmm.Core.Tests.Hosts;
using Dmm.Tests.Mutations;

namespace Dmm.Core.Tests.Mutations;

/// <summary>What holds a hostile guest, left out line by line: <see cref="FairnessProperties"/> must find each.</summary>
[Trait(Category.Name, Category.Long)]
public sealed class FairnessMutations
{
    /// <summary>Each is twenty histories; the first that finds the fault ends the test.</summary>
    private const int Seeds = 12;

    [Theory]
    [InlineData("a stall counts without a bound", "Planning/Arbiter.cs", "((UtilityWeight - 1) * harm / most)", "(1e9 * harm / most)")]
    [InlineData("who says that it is full is planned with that", "Planning/Arbiter.cs",
        "MemorySize.Min(bid.TakenTo, bid.Held).Clamp(bid.Min, bid.Max);", "bid.TakenTo.Clamp(bid.Min, bid.Max);")]
    [InlineData("the guest's word is the host's memory", "Memory/Ledger.cs", "MemorySize.Max(MemorySize.Max(Nominal, Resident), Unproven)",
        "Nominal")]
    public void The_property_finds_it(string what, string file, string from, string to)
    {
        var mutant = Mutant.Of(file, from, to);
        Assert.True(
            Enumerable.Range(1, Seeds).Any(
                seed => mutant.Try(typeof(FairnessProperties), nameof(FairnessProperties.UntilOneBreaks), seed) is not null),
            $"'{what}' was found by no history");
    }
}
