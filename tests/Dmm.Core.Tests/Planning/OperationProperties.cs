using CsCheck;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Planning;

public sealed class OperationProperties
{
    private static readonly Moment Start = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly OperationLimits Limits = new(Balloon: 2, Hotplug: 3);

    private static readonly Gen<OperationWish> Wishes = Gen.Select(
        Gen.Int[0, 14], Gen.Int[1, 3], Gen.Bool, Gen.Bool,
        (vm, needs, urgent, idle) => new OperationWish(Id(vm), (Mechanisms)needs, urgent, idle));

    /// <summary>One entry per second: the new wishes, and which of the moving VMs arrive in it.</summary>
    private static readonly Gen<(OperationWish[] New, int Arrived)[]> Histories =
        Gen.Select(Wishes.Array[0, 6], Gen.Int[0, 1 << 15], (wishes, arrived) => (wishes, arrived)).Array[1, 60];

    private static VmId Id(int vm) => VmId.Parse($"v{vm}");

    private static int Count(IEnumerable<Operation> all, Mechanisms mechanism, bool urgent) =>
        all.Count(o => o.Urgent == urgent && o.Uses.HasFlag(mechanism));

    [Fact]
    public void Never_more_in_flight_than_the_budget_and_nobody_twice() => Histories.Sample(history => Run(history, (_, operations, _) =>
    {
        foreach (var urgent in new[] { false, true })
        {
            Assert.True(Count(operations.InFlight, Mechanisms.Balloon, urgent) <= Limits.Balloon);
            Assert.True(Count(operations.InFlight, Mechanisms.Hotplug, urgent) <= Limits.Hotplug);
        }

        Assert.Equal(operations.InFlight.Length, operations.InFlight.Select(o => o.Vm).Distinct().Count());
        Assert.DoesNotContain(operations.InFlight, o => operations.Held.ContainsKey(o.Vm));
    }));

    [Fact]
    public void Nobody_is_held_back_while_there_is_a_place_that_nobody_before_him_waits_for() =>
        Histories.Sample(history => Run(history, (wishes, operations, now) =>
    {
        foreach (var urgent in new[] { false, true })
        {
            var waiting = wishes.Values.Where(w => w.Urgent == urgent).ToList();
            foreach (var mechanism in new[] { Mechanisms.Balloon, Mechanisms.Hotplug })
            {
                // If a wish that needs only this mechanism waits, all of the mechanism's places are taken, by VMs that move or by earlier
                // wishes that hold a place for both mechanisms.
                var limit = mechanism == Mechanisms.Balloon ? Limits.Balloon : Limits.Hotplug;
                var taken = Count(operations.InFlight, mechanism, urgent);
                var both = waiting.Count(w => w.Needs == (Mechanisms.Balloon | Mechanisms.Hotplug));
                if (waiting.Any(w => w.Needs == mechanism))
                    Assert.True(taken + both >= limit, $"{mechanism}: {taken} move and {both} hold a place of {limit}, yet somebody waits");
            }
        }
    }));

    [Fact]
    public void Urgent_ones_do_not_see_ordinary_ones() => Histories.Sample(history =>
    {
        var alone = history.Select(h => (h.New.Where(w => w.Urgent).ToArray(), h.Arrived)).ToArray();
        var (with, without) = (new List<string>(), new List<string>());
        // A VM does not have both an urgent and a calm wish, otherwise its one operation would stand for two.
        var mixed = history.Select(h => (h.New.Select(w => w.Urgent ? w : w with { Vm = VmId.Parse($"calm-{w.Vm}") }).ToArray(), h.Arrived))
            .ToArray();
        Run(mixed, (_, operations, _) => with.Add(string.Join(' ', operations.InFlight.Where(o => o.Urgent).Select(o => o.Vm).Order())));
        Run(alone, (_, operations, _) => without.Add(string.Join(' ', operations.InFlight.Select(o => o.Vm).Order())));
        Assert.Equal(without, with);
    });

    [Fact]
    public void Everyones_turn_comes_even_while_others_keep_coming() =>
        Gen.Select(Wishes, Wishes.Array[3].Array[80]).Sample((first, others) =>
    {
        // Each operation takes two seconds, and three more VMs wish for one each second. None is urgent, so none may be overtaken for
        // ever.
        var history =
            others.Select((w, i) => (New: w.Select(o => o with { Urgent = false, Vm = VmId.Parse($"{o.Vm}-{i}") }).ToArray(), Arrived: -1))
            .ToArray();
        history[0].New = [.. history[0].New, first with { Urgent = false }];
        var began = false;
        Run(history, (_, operations, _) => began |= operations.InFlight.Any(o => o.Vm == first.Vm));
        Assert.True(began, $"{first} never moved");
    });

    [Fact]
    public void An_idle_shrink_waits_for_those_whom_somebody_waits_for()
    {
        var limits = new OperationLimits(1, 1);
        OperationWish[] wishes = [new(Id(0), Mechanisms.Balloon, false, Idle: true), new(Id(1), Mechanisms.Balloon, false, Idle: false)];
        var (begin, next) = new Operations().Decide([], wishes, limits, Start);
        Assert.Equal(Id(1), Assert.Single(begin));

        // After a while an idle shrink has the same rank as any other, and it has waited longest.
        wishes[1] = wishes[1] with { Vm = Id(2) };
        (begin, _) = next.Decide([], wishes, limits, Start + Operations.IdleFor);
        Assert.Equal(Id(0), Assert.Single(begin));
    }

    [Theory]
    [InlineData(0, 0, 256, Mechanisms.None)]
    [InlineData(0, 0, 200, Mechanisms.Balloon)]
    [InlineData(0, 0, 1024, Mechanisms.Hotplug | Mechanisms.Balloon)]
    [InlineData(792, 24, 512, Mechanisms.Hotplug)]
    [InlineData(0, 100, 256, Mechanisms.Balloon | Mechanisms.Hotplug)]
    public void What_a_move_takes_is_foreseen(long plugged, long ballooned, long target, Mechanisms needs)
    {
        var sizes = new VmSizes(MemorySize.FromMiB(256), MemorySize.FromMiB(plugged), MemorySize.FromMiB(ballooned), default, default);
        var can = new Dmm.Core.Vms.VmCapabilities(true, MemorySize.FromGiB(16), MemorySize.FromMiB(2), []);
        Assert.Equal(needs, Operations.Needs(sizes, can, MemorySize.FromMiB(target), MemorySize.FromMiB(24), MemorySize.FromMiB(2)));
    }

    /// <summary>
    /// Runs a host for some seconds: operations end as the history says (−1: two seconds after they began), and a VM keeps its wish until
    /// it moves.
    /// </summary>
    private static void Run((OperationWish[] New, int Arrived)[] history, Action<Dictionary<VmId, OperationWish>, Operations, Moment> check)
    {
        var operations = new Operations();
        var wishes = new Dictionary<VmId, OperationWish>();
        var began = new Dictionary<VmId, int>();
        for (var second = 0; second < history.Length; second++)
        {
            var (fresh, arrived) = history[second];
            var underWay = operations.InFlight.Where(o => arrived == -1 ? second - began[o.Vm] < 2
                : (arrived >> (int.Parse(o.Vm.Name[(o.Vm.Name.LastIndexOf('v') + 1)..]) % 15) & 1) == 0).ToList();
            foreach (var wish in fresh.Where(w => underWay.All(o => o.Vm != w.Vm)))
                wishes.TryAdd(wish.Vm, wish);
            var now = Start + TimeSpan.FromSeconds(second);
            (var begin, operations) = operations.Decide(underWay, wishes.Values, Limits, now);
            foreach (var vm in begin)
            {
                began[vm] = second;
                wishes.Remove(vm);
            }

            check(wishes, operations, now);
        }
    }
}
