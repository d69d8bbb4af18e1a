using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>Only a limited number of a host's VMs move at once, and each VM gets its turn.</summary>
public sealed class OperationStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly string[] Names = ["a", "b", "c", "d"];

    private void StartWith(OperationLimits limits, long memory = 20_000)
    {
        StartHost(new HostSettings { Memory = MiB(memory), Operations = limits });
        foreach (var name in Names)
            Create(Spec(name, 128, 256, 8000));
        UntilRuns(Names);
    }

    private void Resize(string name, long mib)
    {
        Host.Tell(new HostProtocol.ResizeVm(VmId.Parse(name), MiB(mib)), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }

    [Fact]
    public void No_more_vms_move_at_once_than_the_budget_allows_and_the_first_who_waits_is_the_first_who_moves()
    {
        StartWith(new(Balloon: 4, Hotplug: 1));
        foreach (var name in Names)
            Resize(name, 4000);
        List<string> arrived = [];
        Until("all have arrived", status =>
        {
            var moving = Names.Where(n => Guest(n).Sizes.Plugged < MiB(3700) && Guest(n).Sizes.PluggedTarget > MiB(200)).ToList();
            Assert.True(moving.Count <= 1, $"{string.Join(", ", moving)} move at once");
            Assert.True(status.State.Vms.Values.All(vm => vm.Promise.Granted == MiB(4000)), "what is held back is promised all the same");
            arrived.AddRange(Names.Where(n => Guest(n).Sizes.Actual == MiB(4000) && !arrived.Contains(n)));
            return arrived.Count == Names.Length;
        });
        Assert.Equal(Names, arrived);
        Assert.Empty(Look().Held);
    }

    [Fact]
    public void A_vm_that_is_stuck_frees_its_place()
    {
        StartWith(new(Balloon: 4, Hotplug: 1));
        Guest("a").Temper = GuestTemper.IgnoresPlug;
        Resize("a", 4000);
        Resize("b", 1000);
        var status = Until("b waits", s => s.Held.ContainsKey(VmId.Parse("b")));
        Assert.Contains(status.InFlight, o => o.Vm == VmId.Parse("a") && o.Uses.HasFlag(Mechanisms.Hotplug));
        Until("b has grown", _ => Guest("b").Sizes.Actual == MiB(1000));
        Assert.Equal(VmPhase.Stuck, Look().Reports[VmId.Parse("a")].Phase);
    }

    [Fact]
    public void A_vm_whose_actor_died_gives_its_place_back()
    {
        StartWith(new(Balloon: 4, Hotplug: 1));
        Guest("a").Temper = GuestTemper.IgnoresPlug;
        Resize("a", 4000);
        Resize("b", 1000);
        Until("b waits", s => s.Held.ContainsKey(VmId.Parse("b")));
        Hypervisor.Kill(VmId.Parse("a"));
        Host.Tell(new HostProtocol.ForgetVm(VmId.Parse("a")), TestActor);
        ExpectMsg<HostProtocol.Done>();
        Until("b has grown", _ => Guest("b").Sizes.Actual == MiB(1000), TimeSpan.FromSeconds(4));
    }

    [Fact]
    public void A_guest_about_to_stall_never_waits_for_ordinary_operations()
    {
        StartWith(new(Balloon: 1, Hotplug: 1));
        Guest("a").Temper = GuestTemper.IgnoresPlug;
        Resize("a", 4000);
        Resize("b", 4000);
        Until("b waits", s => s.Held.ContainsKey(VmId.Parse("b")));
        Guest("c").Used = MiB(190);
        Until("c has memory, b waits still", s => Guest("c").Sizes.Actual > MiB(300) && s.Held.ContainsKey(VmId.Parse("b")),
            TimeSpan.FromSeconds(4));
    }

    [Fact]
    public void A_target_that_changes_in_mid_operation_turns_it_round_at_once()
    {
        StartWith(new(Balloon: 1, Hotplug: 1));
        Resize("a", 8000);
        Until("it is in the middle", _ => Guest("a").Sizes.Actual > MiB(1000));
        Resize("b", 1000);
        Resize("a", 300);
        Until("it turns", _ => Guest("a").Sizes.PluggedTarget < MiB(7000), TimeSpan.FromSeconds(1));
        Until("both arrive", _ => Guest("a").Sizes.Actual <= MiB(302) && Guest("b").Sizes.Actual == MiB(1000));
    }

    [Fact]
    public void After_a_restart_what_was_held_back_is_still_held_back()
    {
        StartWith(new(Balloon: 4, Hotplug: 1));
        foreach (var name in Names)
            Resize(name, 4000);
        KillHost();
        StartHost(new HostSettings { Memory = MiB(20_000), Operations = new(Balloon: 4, Hotplug: 1) });
        Until("all have arrived", status =>
        {
            // A VM that was moving when the daemon died moves on by itself, beside the first that is told its target again.
            var moving = Names.Count(n => Guest(n).Sizes.Plugged < MiB(3700) && Guest(n).Sizes.PluggedTarget > MiB(200));
            Assert.True(moving <= 2, $"{moving} move at once");
            return Names.All(n => Guest(n).Sizes.Actual == MiB(4000));
        });
    }

    [Fact]
    public void Growth_that_waits_for_a_peer_gets_its_memory_in_parts_as_that_comes_back_and_says_whose_it_is()
    {
        StartHost(memoryMiB: 1100);
        Create(Spec("giver", 128, 700, 1024));
        Create(Spec("taker", 128, 256, 1024));
        UntilRuns("giver", "taker");
        Guest("taker").Used = MiB(200);
        Until("it has what is free", s => s.State.Vms[VmId.Parse("taker")].Promise.Granted > MiB(300));
        Resize("giver", 200);
        Resize("taker", 750);
        var (waited, parts) = (false, new HashSet<MemorySize>());
        Until("it has it all", status =>
        {
            parts.Add(status.State.Vms[VmId.Parse("taker")].Promise.Granted);
            if (status.Waits is [{ From: [{ Vm: var giver, Size.IsZero: false }, ..] } wait, ..] && wait.Vm == VmId.Parse("taker"))
                waited |= giver == VmId.Parse("giver") && wait.Missing > MemorySize.Zero;
            return Guest("taker").Sizes.Actual == MiB(750);
        });
        Assert.True(waited, "nobody was said to wait for the giver");
        Assert.True(parts.Count >= 3, $"it was given in {parts.Count} parts");
        Assert.Empty(Look().Waits);
    }
}
