using CsCheck;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>
/// The machine against a simulated device over random histories: calls that wait or fail, facts that are lost, come twice or late, guests
/// that move part of the way or by themselves, connections that break. It never makes a VM larger than it was promised, never takes what
/// the guest needs, and reaches the target in the end if the guest obeys. A failure prints a seed and a shrunk history. Every history
/// uses the figures of one mechanism or another: the machine is the same for all.
/// </summary>
public sealed partial class HotplugMachineProperties
{
    [Fact]
    public void It_never_asks_for_more_than_the_target_nor_for_what_the_guest_needs() => NeverAsksForMoreOver(600);

    [Fact]
    public void It_arrives_when_the_guest_obeys() => ArrivesOver(60);

    [Fact]
    public void It_comes_to_rest_though_devices_keep_some_for_ever() => RestsOver(60);

    /// <summary>
    /// Found by chance: the last two of three devices kept what they were asked to give back, the balloon held all that it can, and the
    /// first, which had enough, was never asked.
    /// </summary>
    [Fact]
    public void It_comes_to_rest_where_only_another_device_can_give_what_is_asked_back() => RestsOver(1, "a9KJSzvgc7Db");

    /// <summary>Found by chance: during the move one DIMM fewer was nearer to the same target, and then one more, without end.</summary>
    [Fact]
    public void It_arrives_between_two_DIMMs_though_each_answer_is_a_movement_late() => ArrivesOver(60, "8q44GvKSlL63");

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void Nor_does_it_over_many_histories() => NeverAsksForMoreOver(6_000);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void It_arrives_after_many_histories() => ArrivesOver(800);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void It_comes_to_rest_after_many_histories() => RestsOver(800);

    /// <summary>
    /// Checks that from two minutes after the last target on nothing is asked of the VM for a minute, or, if it still owes something, no
    /// more than a back-off's tries.
    /// </summary>
    private static void RestsOver(long histories, string? seed = null) =>
        Gen.Select(AnyMechanism, (seed is null ? Ops : Kept).Array[0, 40], Gen.Int[64, 2048], Gen.Int[0, 6].Array[3]).Sample(
            (mechanism, history, mib, keeps) =>
            {
                var guest = new Guest(mechanism) { Keeps = keeps };
                foreach (var op in history)
                    guest.Do(op);
                guest.Do(new Op.Use(0));
                guest.Do(new Op.Target(mib * 2, false));
                var asked = 0L;
                for (var i = 0; i < 360; i++)
                {
                    asked = i < 240 ? guest.Asks : asked;
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Time(500, 100));
                }

                var most = guest.State.Phase == VmPhase.Settled ? 0 : 4;
                Assert.True(
                    guest.Asks - asked <= most,
                    $"{guest.State.Phase} at {guest.Actual} of {guest.State.Target}, and asked {guest.Asks - asked} times in a "
                        + $"minute: {guest.State.Why}");
                if (mechanism.Devices.Balloon)
                    Assert.Equal(VmPhase.Settled, guest.State.Phase);
                Assert.True(
                    guest.State.Phase == VmPhase.Settled || guest.GivesNoMore,
                    $"{guest.State.Phase} at {guest.Actual} of {guest.State.Target}, though a device could give more");
            },
            seed: seed,
            iter: histories);

    private static void NeverAsksForMoreOver(long histories) =>
        Gen.Select(AnyMechanism, Ops.Array[1, 80]).Sample(
            (mechanism, history) =>
            {
                var guest = new Guest(mechanism);
                foreach (var op in history)
                    guest.Do(op);
            },
            iter: histories);

    private static void ArrivesOver(long histories, string? seed = null) =>
        Gen.Select(AnyMechanism, (seed is null ? Ops : Kept).Array[0, 40], Gen.Int[64, 2048]).Sample(
            (mechanism, history, mib) =>
            {
                var guest = new Guest(mechanism);
                foreach (var op in history)
                    guest.Do(op);
                guest.Do(new Op.Use(0));
                guest.Do(new Op.Target(mib * 2, false));
                for (var i = 0; i < 400; i++)
                {
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Call(false, true));
                    guest.Do(new Op.Time(500, 100));
                }

                Assert.Equal(VmPhase.Settled, guest.State.Phase);
                var reachable = Ladder.Reachable(guest.State, MemorySize.FromMiB(mib * 2));
                Assert.True(Ladder.Distance(guest.Actual, reachable) <= mechanism.Profile.Tolerance,
                    $"it stands at {guest.Actual}, told {reachable}");
            },
            seed: seed,
            iter: histories);
}
