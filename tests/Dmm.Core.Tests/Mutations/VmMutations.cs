using Dmm.Core.Tests.Machines;
using Dmm.Core.Tests.Vms;
using Dmm.Tests.Mutations;

namespace Dmm.Core.Tests.Mutations;

/// <summary>
/// Guards of a VM's machine that histories seldom need, each left out: the stories must find that. tests/Dmm.Simulation.Tests has those
/// that histories find.
/// </summary>
[Trait(Category.Name, Category.Long)]
public sealed class VmMutations
{
    [Theory]
    [InlineData("a sample from before a reset counts", "Machines/VmTurn.Memory.cs",
        "when Memory.IsEcho(sample.Value.At):", "when sample is null:")]
    [InlineData("what a guest does not take is not asked back", "Vms/Ladder.cs",
        "unused.IsZero ? state.CanGive(now) : unused", "state.CanGive(now)")]
    [InlineData("a reset makes a guest one that never booted", "Machines/VmTurn.Memory.cs", "Booted = true, EverBooted = true",
        "Booted = part.Booted")]
    [InlineData("that a guest was heard is forgotten with the host's actor", "Machines/VmTurn.Part.cs",
        "(part.Booted || known.Booted, part.EverBooted || known.EverBooted)", "(part.Booted, part.EverBooted)")]
    [InlineData("what was to be asked before a reset is asked after it", "Machines/VmTurn.Memory.cs",
        "InNeedAt = null, Calls = calls };", "InNeedAt = null };")]
    [InlineData("a lease is never given back", "Machines/VmTurn.cs", "GiveLeaseBack();", "")]
    [InlineData("a lease is kept that is taken back", "Machines/VmTurn.Part.cs", "t.Lease.IsZero || t.Target >= Memory.Target", "false")]
    [InlineData("a guest that could not pay is not tried when it can", "Vms/HotplugMachine.cs", " || Declined.CanPayNow(state)", "")]
    [InlineData("what is never taken stays granted", "Vms/HotplugMachine.cs", "Judge(next, now, Emit);", "")]
    [InlineData("a balloon's figure is never healed", "Vms/Ladder.cs",
        "state.Reset?.Nudged(balloon, sizes.BalloonedTarget) ?? balloon", "balloon")]
    [InlineData("what a device shows for a moment is taken", "Vms/Declined.cs", "now - state.MovedAt >= state.Profile.StaysFor", "true")]
    [InlineData("a part of a block is asked back by itself", "Vms/Ladder.cs",
        "MemorySize.Min(MemorySize.Max(state.Unaccepted, declined), excess).RoundDown(BlockOf(state))",
        "MemorySize.Min(MemorySize.Max(state.Unaccepted, declined), excess)")]
    [InlineData("a balloon that does not give is asked the same again", "Vms/Ladder.cs", "stands ? nudged : balloon", "balloon")]
    [InlineData("what a device shows is accepted", "Vms/Ladder.cs",
        "MemorySize.Min(sizes.Plugged, state.Accepted ?? sizes.Plugged)", "sizes.Plugged.MinusOrZero(state.Unaccepted)")]
    public void The_stories_find_it(string what, string file, string from, string to) =>
        Assert.True(Mutant.Of(file, from, to).Try(typeof(VmMutations), nameof(Stories), 1) is not null, $"'{what}' was found by no story");

    [Fact]
    public void The_unbroken_machine_passes_when_it_is_built_the_same_way() => Assert.Null(
        Mutant.Of("Vms/Declined.cs", "private const int Tries = 3;", "private const int Tries = 3;")
            .Try(typeof(VmMutations), nameof(Stories), 1));

    internal static void Stories(long times)
    {
        for (; times > 0; times--)
        {
            new VmMachineTests()
                .A_guest_that_has_booted_is_not_ended_for_its_silence_after_a_reset_however_strict_its_boot_is_checked();
            new VmMachineTests().What_was_still_to_be_asked_of_its_devices_is_not_asked_of_a_guest_that_boots();
            new VmMachineTests().Nor_where_the_hosts_actor_has_lost_that_it_was_heard();
            new VmMachineTests().After_a_reset_nothing_that_was_said_before_counts_and_the_host_is_told_that_it_boots();
            new LeaseStories().It_gives_the_lease_back_once_its_guest_has_not_been_in_need_for_a_while();
            new LeaseStories().A_lease_that_is_taken_back_is_given_back_whatever_its_guest_needs();
            new LeaseStories().The_hosts_answer_ends_the_need_and_the_next_one_takes_the_next_lease();
            new DeclinedStories().Memory_that_stays_offline_is_asked_back_even_of_a_guest_with_nothing_left();
            new DeclinedStories().A_part_of_a_block_that_was_not_accepted_stops_no_shrink();
            new ResetStories().A_balloon_that_does_not_give_is_asked_for_a_little_more_in_turn_so_that_its_driver_writes_its_figure();
            new DeclinedStories().A_guest_that_leaves_memory_offline_is_asked_for_no_more_until_a_sample_shows_the_first_block();
            new DeclinedStories().A_guest_that_had_nothing_to_pay_with_is_tried_as_soon_as_it_has();
            new ResetStories().Once_it_is_heard_its_balloon_is_moved_a_little_so_that_its_driver_writes_its_figure();
            new HotplugMachineStories().A_growth_that_falls_back_again_and_again_is_tried_less_and_less_and_then_left();
        }
    }
}
