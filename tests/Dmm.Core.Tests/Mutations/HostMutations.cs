using Dmm.Core.Tests.Hosts;
using Dmm.Tests.Mutations;

namespace Dmm.Core.Tests.Mutations;

/// <summary>
/// Lines of the host's machine whose fault random histories meet late, each broken: the stories must find that. tests/Dmm.Simulation.Tests
/// has those that histories find soon.
/// </summary>
[Trait(Category.Name, Category.Long)]
public sealed class HostMutations
{
    private const string Turn = "Hosts/HostTurn";

    [Theory]
    [InlineData("a promise is forgotten that was not answered for", Turn + ".Planning.cs", "Told = Host.Told.Remove(id) };", "};")]
    [InlineData("what the host has lost is promised", Turn + ".World.cs", "Ledger = seen.Follow(outlook.Memory)", "Ledger = seen")]
    [InlineData("each cry of one VM waits for itself", "Hosts/HostInbox.cs", "_urgent.TryGetValue(only.Vm, out var earlier)",
        "_urgent.TryGetValue(only.Vm, out var earlier) && rank is null")]
    [InlineData("the host grants what a guest does not take", "Hosts/HostPlanner.cs", "report.Declines ? reach :", "")]
    public void The_stories_find_it(string what, string file, string from, string to) =>
        Assert.True(
            Mutant.Of(file, from, to).Try(typeof(HostMutations), nameof(Stories), 1) is not null, $"'{what}' was found by no story");

    [Fact]
    public void The_unbroken_machine_passes_when_it_is_built_the_same_way() => Assert.Null(
        Mutant.Of(Turn + ".cs", "    private void Do(HostEffect effect)", "    private void Do(HostEffect effect)")
            .Try(typeof(HostMutations), nameof(Stories), 1));

    internal static void Stories(long times)
    {
        for (; times > 0; times--)
        {
            new HostInboxTests().Of_one_vms_cries_the_newest_counts();
            new GuestFactTests().What_a_guest_does_not_take_is_granted_to_others();
            new ForgottenTargetTests().An_actor_that_starts_anew_is_told_its_target_again();
            new ForgottenTargetTests().What_the_host_has_lost_is_out_of_the_ledger_at_the_next_look();
        }
    }
}
