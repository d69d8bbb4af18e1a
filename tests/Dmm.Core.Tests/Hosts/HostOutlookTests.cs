using System.Collections.Immutable;
using CsCheck;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Hosts;

public sealed class HostOutlookTests
{
    private static readonly Moment Start = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly VmId A = VmId.Parse("a");
    private static readonly VmId B = VmId.Parse("b");

    private static readonly HostRules Rules = new()
    {
        Memory = MiB(8000),
        Margin = MiB(100),
        Step = MiB(16),
        Cushion = MiB(200),
        CushionMax = MiB(1000),
    };

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    /// <summary>Two VMs that claim 2000 and 1000 MiB; reserve 500 MiB.</summary>
    private static readonly Ledger Book = new Ledger(Rules.Memory, MiB(500))
        .TakeIn(A, new(MiB(1900), MiB(1900), MiB(100))).TakeIn(B, new(MiB(900), MiB(900), MiB(100)));

    private static HostReading Sight(long available, long a = 1500, long b = 500, long total = 8000) =>
        new(MiB(total), MiB(available), Start)
        {
            Resident = ImmutableDictionary<VmId, HeldMemory>.Empty.Add(A, Read(a)).Add(B, Read(b)),
        };

    private static HeldMemory Read(long mib) => new(MiB(mib), Start);

    private static MemorySize Count(HostReading sight, Ledger? ledger = null, MemorySize launching = default) =>
        HostCapacity.Of(sight, ledger ?? Book, Rules.Memory, Rules.Margin, launching).Memory;

    [Fact]
    public void What_the_host_itself_uses_comes_out_of_the_reserve_and_is_not_taken_off_twice() =>
        // The host has 8000 in all, the VMs hold 2000, and 5600 are available: the host itself uses 400, which is within its reserve less
        // the margin.
        Assert.Equal(MiB(8000), Count(Sight(available: 5600)));

    [Fact]
    public void Pages_that_the_host_has_merged_are_there_once()
    {
        // The VMs seem to hold 2000, 800 of them the same pages once more; other programs hold the 1600 that are missing from 8000 in all.
        var sight = Sight(available: 5200);
        Assert.Equal(MiB(7600), Count(sight));
        Assert.Equal(MiB(6800), Count(sight with { Merged = MiB(800) }));
    }

    [Fact]
    public void Merged_pages_are_there_once_in_a_control_group_too()
    {
        var group = new GroupSight("/g", MiB(6000), MiB(3000), [.. Sight(available: 5600).Resident.Keys]);
        var sight = Sight(available: 5600) with { Groups = [group] };
        Assert.Equal(Count(sight) - MiB(300), Count(sight with { Merged = MiB(300) }));
    }

    [Fact]
    public void What_others_hold_beyond_the_reserve_is_not_there() =>
        // The VMs may have 2000 + 4000 − 100 in all; with the reserve of 500 that makes 6400.
        Assert.Equal(MiB(6400), Count(Sight(available: 4000)));

    [Fact]
    public void A_host_that_has_less_in_all_is_counted_with_that() => Assert.Equal(MiB(6000), Count(Sight(available: 3900, total: 6000)));

    [Fact]
    public void A_vm_that_is_being_launched_or_can_not_be_looked_at_counts_with_what_was_set_aside_for_it()
    {
        var launching = Book.Reserve(VmId.Parse("c"), MiB(700))!;
        Assert.Equal(MiB(7100), Count(Sight(available: 4000), launching, MiB(700)));
        // Before that nothing of it can be held: what is set aside is a part of what is available.
        Assert.Equal(MiB(6400), Count(Sight(available: 4000), launching));
        Assert.Equal(
            MiB(6900), Count(Sight(available: 4000) with { Resident = ImmutableDictionary<VmId, HeldMemory>.Empty.Add(A, Read(1500)) }));
    }

    [Fact]
    public void What_one_that_was_let_go_of_may_take_stays_taken_and_what_it_takes_beyond_is_another_programs()
    {
        var loose = Book.LetGoOf(A, Book.Claims[A].Size);
        Assert.Equal((Book.Free, Book.Committed), (loose.Free, loose.Committed));
        Assert.Equal(Count(Sight(available: 4000)), Count(Sight(available: 4000), loose));
        Assert.Equal(MiB(500 + 2000 + 500 + 3500 - 100), Count(Sight(available: 3500, a: 2500), loose));
        Assert.Equal(
            MiB(500 + 2000 + 500 + 1000 - 100),
            Count(Sight(available: 5600, a: 2000) with { Groups = [new("/dmm", MiB(5000), MiB(1000), [A, B])] }, loose));
        Assert.Equal(Book.Release(A).Free, loose.Gone(A).Free);
    }

    [Fact]
    public void A_common_control_group_bounds_those_that_stand_in_it()
    {
        var all = new GroupSight("/dmm", MiB(5000), MiB(2800), [A, B]);
        Assert.Equal(MiB(5000), Count(Sight(5600) with { Groups = [all] }));
        Assert.Equal(MiB(500 + 2000 + 1000 - 100), Count(Sight(5600) with { Groups = [all with { Available = MiB(1000) }] }));

        // VM b was adopted and is in another group: its claim of 1000 is added to what the group has for a.
        Assert.Equal(
            MiB(500 + 1500 + 1000 - 100 + 1000), Count(Sight(5600) with { Groups = [all with { Available = MiB(1000), Members = [A] }] }));
    }

    /// <summary>
    /// Memory that is free to be promised really exists, whatever the VMs' processes hold, even if some of them can't be looked at or are
    /// gone. The more a process holds beyond its claim, the less there is for others.
    /// </summary>
    [Fact]
    public void No_more_is_free_than_is_available_less_the_margin_whatever_processes_hold()
    {
        var vm = Gen.Select(Gen.Int[0, 4000], Gen.Int[0, 4000], Gen.Int[0, 9], Gen.Int[0, 5000]);
        Gen.Select(vm.Array[0, 4], Gen.Int[0, 8000], Gen.Int[0, 8000], Gen.Bool, Gen.Int[0, 900])
            .Sample((vms, available, left, grouped, reserved) =>
        {
            var ledger = new Ledger(Rules.Memory, MiB(500)).Keep(VmId.Parse("c"), MiB(reserved));
            var resident = ImmutableDictionary<VmId, HeldMemory>.Empty;
            List<VmId> gone = [], hidden = [];
            foreach (var (i, (claim, holds, fate, last)) in vms.Index())
            {
                var id = VmId.Parse($"vm{i}");
                ledger = ledger.TakeIn(id, new(MiB(claim), MiB(claim), MiB(64)) { Read = fate < 5 ? default : new(MiB(last), Start) });
                if (fate == 1)
                    ledger = ledger.LetGoOf(id, MiB(claim));
                if (fate == 2)
                    gone.Add(id);
                else if (fate == 3)
                    hidden.Add(id);
                else if (fate is not (4 or 8))
                    resident = resident.Add(id, new(MiB(holds), Start + TimeSpan.FromSeconds(1)));
            }

            var sight = new HostReading(MiB(8000), MiB(available), Start) { Resident = resident, Gone = [.. gone], Hidden = [.. hidden] };
            if (grouped)
                sight = sight with { Groups = [new("/dmm", MiB(6000), MiB(left), [.. resident.Keys.Where(id => id.Name != "vm0")])] };
            // The ledger is tested with the reading, and without it.
            foreach (var seen in (Ledger[])[ledger, ledger.See(resident, Start)])
            {
                var free = seen.Follow(new HostOutlook(Rules.Memory).Take(sight, seen, Rules, Start).Memory).Free;
                var most = grouped ? MemorySize.Min(MiB(available), MiB(left)) : MiB(available);
                Assert.True(free <= most.MinusOrZero(Rules.Margin), $"{free} are free, {most} available");
            }
        }, iter: 5_000);
    }

    [Fact]
    public void One_process_that_can_not_be_read_counts_as_it_was_seen_last_and_makes_no_deficit()
    {
        // The host is full: the host itself uses all memory that is not the VMs'.
        var full = Book.Grant(A, MiB(4900))!.Grant(B, MiB(2400))!.Holds(A, Read(4950)).Holds(B, Read(2450));
        var sight = Sight(available: 200, a: 4950, b: 2450);
        Assert.Equal(MiB(8000), Count(sight, full));
        var hidden = sight with { Resident = sight.Resident.Remove(A), Hidden = [A] };
        Assert.Equal(MiB(8000), Count(hidden, full));
        Assert.Equal(MiB(8000 - 4950 + 1000), Count(hidden, full.Holds(A, new(MiB(1000), Start + TimeSpan.FromSeconds(1)))));

        // The same holds if the process was never seen.
        var never = full.TakeIn(A, full.Claims[A] with { Read = default });
        Assert.True(never.Follow(Count(hidden, never)).Deficit.IsZero);
    }

    /// <summary>
    /// The VM was launched after the reading was requested, reported what it held then, and has taken far more by the time of the
    /// reading.
    /// </summary>
    [Fact]
    public void One_that_the_look_did_not_ask_for_counts_with_its_claim_and_makes_no_deficit()
    {
        var full = Book.Grant(A, MiB(4900))!.Grant(B, MiB(2400))!.Holds(A, Read(104)).Holds(B, Read(2450));
        var sight = Sight(available: 200, a: 4950, b: 2450);
        Assert.True(full.Follow(Count(sight with { Resident = sight.Resident.Remove(A) }, full)).Deficit.IsZero);
    }

    [Fact]
    public void What_a_vm_holds_beyond_its_claim_is_there_for_nobody_else()
    {
        // VM a claims 2000 of them and holds 5000; 500 are available.
        var free = Book.Follow(Count(Sight(available: 500, a: 5000, b: 1000))).Free;
        Assert.Equal(MiB(400), free);
    }

    [Fact]
    public void Down_at_once_up_when_it_has_stayed_and_never_above_the_setting() =>
        Gen.Int[0, 8000].Array[1, 200].Sample(available =>
        {
            var outlook = new HostOutlook(Rules.Memory);
            var seen = new List<MemorySize>();
            for (var second = 0; second < available.Length; second++)
            {
                var sight = Sight(available[second]);
                var before = outlook.Memory;
                outlook = outlook.Take(sight, Book, Rules, Start + TimeSpan.FromSeconds(second));
                seen.Add(Count(sight));
                Assert.True(outlook.Memory <= seen[^1], "counted on what is not there");
                Assert.True(outlook.Memory <= Rules.Memory);
                // It rises only to an amount that was there all the time.
                if (outlook.Memory > before)
                    Assert.True(outlook.Memory <= seen.TakeLast(30).Min() && second >= 30);
                // It is never lower than the recent minimum: no memory is lost for good.
                Assert.True(outlook.Memory >= seen.TakeLast(62).Min().RoundDown(Rules.Step) || second < 62);
            }
        });

    [Fact]
    public void The_cushion_doubles_under_pressure_no_faster_than_it_can_show_and_no_further_than_its_maximum()
    {
        var outlook = new HostOutlook(Rules.Memory);
        List<long> cushions = [];
        for (var second = 0; second < 40; second++)
        {
            outlook = outlook.Take(Sight(5600) with { Stall = new(0.2, 0) }, Book, Rules, Start + TimeSpan.FromSeconds(second));
            cushions.Add(outlook.Cushion(Rules).Bytes >> 20);
        }

        Assert.Equal([400, 800, 1000], cushions.Distinct());
        Assert.Equal("20 % of the last 10 s stalled for memory", outlook.Pressure!.Replace('\u00a0', ' ').Replace("20%", "20 %"));
        for (var second = 40; second < 70; second++)
            outlook = outlook.Take(Sight(5600), Book, Rules, Start + TimeSpan.FromSeconds(second));
        Assert.Equal(MiB(800), outlook.Cushion(Rules));
        for (var second = 70; second < 200; second++)
            outlook = outlook.Take(Sight(5600), Book, Rules, Start + TimeSpan.FromSeconds(second));
        Assert.Equal(MiB(200), outlook.Cushion(Rules));
    }

    [Fact]
    public void Little_available_is_pressure_even_where_the_kernel_tells_of_no_stall() =>
        Assert.Equal("150 MiB available", new HostOutlook(Rules.Memory).Take(Sight(150), Book, Rules, Start).Pressure);

    [Fact]
    public void A_vm_is_given_what_its_own_control_group_leaves_it_and_never_less_than_it_holds()
    {
        var claim = new Claim(MiB(512), MiB(512), MiB(64));
        Assert.Null(VmLimit.Most(null, claim));
        Assert.Null(VmLimit.Most(new HostCost(MiB(64), MiB(300), null), claim));
        Assert.Equal(MiB(936), VmLimit.Most(new HostCost(MiB(64), MiB(300), MiB(1000)), claim));
        Assert.Equal(MiB(512), VmLimit.Most(new HostCost(MiB(64), MiB(300), MiB(400)), claim));
        Assert.Null(VmLimit.Warning(new HostCost(MiB(64), MiB(300), MiB(1000)), claim, MiB(900)));
        Assert.Contains(
            "it is given 936 MiB at most, not its max 2 GiB",
            VmLimit.Warning(new HostCost(MiB(64), MiB(300), MiB(1000)), claim, MemorySize.FromGiB(2)));
    }

    [Fact]
    public void A_deficit_is_told_with_its_figures_and_causes()
    {
        var ledger = Book.Follow(MiB(3200)).Observe(A, MiB(2000), MiB(150));
        Assert.Equal(
            "claims 3.08 GiB, reservations 0 B and reserve 500 MiB exceed the host's 3.13 GiB by 450 MiB: DMM can count on 3.13 "
                + "GiB instead of dmm.host.memory 7.81 GiB, "
            + "since others grew; a holds 100 MiB more than it was granted; the hypervisor of a needs 50 MiB more than expected. "
                + "Nothing is granted until they fit again",
            Deficits.Text(ledger, Rules.Memory, "others grew", _ => MiB(100)));
    }
}
