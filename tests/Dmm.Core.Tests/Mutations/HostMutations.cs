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
    [InlineData("what a VM knows of its lease does not count", "Hosts/HostDispatch.cs", "+ report.Lease.MinusOrZero(promise.Lease)", "")]
    [InlineData("leases are in the way of a guest in need", "Hosts/HostPlanner.cs", "grants.Unmet.Any(static unmet => unmet.Urgent)",
        "grants.Unmet.Length < 0")]
    [InlineData("a lease is given that has no room", "Planning/Leasing.cs",
        "var spare = MemorySize.Min(rules.Leased, rules.Room.MinusOrZero(Least));", "var spare = rules.Leased;")]
    [InlineData("leases are in the way of a VM to come", "Hosts/HostPlanner.cs",
        "|| state.Admissions.Values.Any(a => a.State.Seeks() && a.Size > state.Ledger.Free)", "")]
    [InlineData("peers give what leases could", "Admission/AdmissionLine.cs", "a.Size <= _free + _soon", "a.Size < _soon")]
    [InlineData("what is on lease is granted for good", "Hosts/HostPlanner.cs", "movable ? record.Promise.Target : claim.Granted",
        "claim.Granted")]
    [InlineData("what is set aside counts as held before it is launched", "Hosts/HostCapacity.cs", "var resident = launching;",
        "var resident = ledger.Reserved;")]
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
            new LeaseTests().A_lease_that_was_told_by_an_earlier_actor_of_the_host_counts_until_the_vm_has_heard_that_it_has_none();
            new LeaseTests().What_a_guest_in_need_waits_for_is_taken_back_from_those_who_have_it_on_lease();
            new LeaseTests().A_lease_is_given_only_where_it_has_room_to_stay();
            new LeaseTests().Nor_does_it_wait_for_a_peer_while_others_have_memory_on_lease();
            new LeaseTests().A_vm_to_come_gets_what_is_on_lease_as_soon_as_all_have_heard_and_no_peer_gives_anything();
            new LeaseTests().Where_the_claims_do_not_fit_nothing_stays_on_lease();
            new HostOutlookTests()
                .A_vm_that_is_being_launched_or_can_not_be_looked_at_counts_with_what_was_set_aside_for_it();
            new ForgottenTargetTests().What_the_host_has_lost_is_out_of_the_ledger_at_the_next_look();
        }
    }
}
