using Dmm.Core.Memory;
using Dmm.Core.Tests.Hosts;
using Dmm.Core.Tests.Machines;
using Dmm.Tests.Mutations;

namespace Dmm.Core.Tests.Mutations;

/// <summary>What counts or enforces the memory that a guest could take back by itself, left out: the stories must find that.</summary>
[Trait(Category.Name, Category.Long)]
public sealed class TrustMutations
{
    [Theory]
    [InlineData("an untrusted balloon frees memory", "Memory/Ledger.cs", "Taken => MemorySize.Max(Actual + Returnable, Granted);",
        "Taken => MemorySize.Max(Actual, Granted);")]
    [InlineData("guarantees are given on it", "Memory/Ledger.cs", "MemorySize.Max(min, Firm) + Overhead", "min + Overhead")]
    [InlineData("it is asked to give", "Hosts/HostPlanner.cs", "min = MemorySize.Max(min, MemorySize.Min(claim.Firm, max));", "")]
    [InlineData("a VM that can't be held stays trusted", "Hosts/VmProtocol.cs", "Capabilities?.Group is not null && NotHeld is null",
        "Capabilities?.Group is not null")]
    [InlineData("bounds rise after the devices were told", "Machines/VmTurn.Bounds.cs", "_effects.Insert(0, effect);", "Do(effect);")]
    [InlineData("bounds fall before the VM has given", "Machines/VmTurn.Bounds.cs", "Memory.Ceiling, target, Memory.Max,",
        "MemorySize.Zero, target, Memory.Max,")]
    [InlineData("it is not tried again", "Machines/VmTurn.cs", "HoldAgain = Vm.NotHeld is not null", "HoldAgain = false")]
    public void The_stories_find_it(string what, string file, string from, string to) =>
        Assert.True(
            Mutant.Of(file, from, to).Try(typeof(TrustMutations), nameof(Stories), 1) is not null, $"'{what}' was found by no story");

    [Fact]
    public void The_unbroken_code_passes_when_it_is_built_the_same_way() => Assert.Null(
        Mutant.Of("Memory/Ledger.cs", "public sealed record Ledger\n", "public sealed record Ledger\n")
            .Try(typeof(TrustMutations), nameof(Stories), 1));

    internal static void Stories(long times)
    {
        for (; times > 0; times--)
        {
            new TrustTests().A_balloon_that_is_not_trusted_frees_nothing_and_is_not_asked(Trust.None, inGroup: false);
            new TrustTests().A_vm_that_was_squeezed_before_it_lost_trust_gets_back_what_it_booted_with();
            new TrustTests().What_it_booted_with_is_not_room_for_guarantees();
            new HoldStories().They_rise_before_a_device_is_told_to_grow_and_fall_when_none_can_become_more();
            new HoldStories().That_a_vm_can_not_be_held_is_said_once_and_tried_again_with_the_next_measurement();
        }
    }
}
