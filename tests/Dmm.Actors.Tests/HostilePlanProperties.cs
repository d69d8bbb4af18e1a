using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;

namespace Dmm.Actors.Tests;

/// <summary>
/// Tests everything from the line that a guest writes to the plan of its host. Whatever one guest writes, the host plans, and its
/// neighbours keep at least as much of the memory that they need as if the guest had asked for its max. (If the needs of all are met,
/// headroom goes by shares; if they are not, a VM that has headroom keeps it until others lack it. So a neighbour may have less headroom,
/// but not less than it needs, beside a guest that asks for less.)
/// </summary>
public sealed class HostilePlanProperties
{
    private static readonly Moment Now = Moment.Origin;
    private static readonly DateTimeOffset Wall = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly VmId Liar = VmId.Parse("liar");

    private static readonly string[] Levels =
    [
        "memTotalKib", "memFreeKib", "memAvailableKib", "anonKib", "unreclaimableKib", "activeFileKib", "inactiveFileKib", "shmemKib",
        "swapTotalKib", "swapFreeKib",
    ];

    private static readonly string[] Counters =
        ["refaults", "majorFaults", "swapIns", "swapOuts", "oomKills", "stallSomeUs", "stallFullUs"];

    private static readonly string[] Whys = ["periodic", "low", "stall"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_a_guest_writes_its_neighbours_keep_of_what_they_use_no_less_than_if_it_asked_for_its_max(ulong seed)
    {
        var chance = new SeededRandom(seed);
        for (var i = 0; i < 1_500; i++)
            Try(chance.Split());
    }

    private static void Try(SeededRandom chance)
    {
        var honest = Enumerable.Range(0, chance.Between(1, 6)).Select(i => VmId.Parse($"honest-{i}")).ToArray();
        var held = honest.Append(Liar).ToDictionary(vm => vm, _ => MemorySize.FromMiB(16 * chance.Between(8, 128)));
        var most = MemorySize.FromMiB(16 * chance.Between(128, 512));
        var all = held.Values.Aggregate(MemorySize.Zero, static (sum, size) => sum + size);
        var (state, reports) = HostOf(held, most, all + MemorySize.FromMiB(chance.OneIn(2) ? 0 : chance.Between(0, 4096)));
        var forecasts = honest.ToImmutableDictionary(vm => vm, vm => Honest(chance, vm, held[vm]));

        var model = new DemandModels(new());
        var bounds = new SampleBounds(most);
        for (var i = 0; i < 6; i++)
        {
            if (GuestLine.Read(Encoding.UTF8.GetBytes(Line(chance)), Now + TimeSpan.FromSeconds(i), most) is not GuestMessage.Sample said)
                continue;
            var taken = model.Take(Liar, bounds.Bound(said.Value, TimeSpan.FromSeconds(1)), SizesOf(held[Liar]), Wall, most);
            Assert.Null(taken.Fault);
            var foreseen = taken.Forecast!;
            var asked = new Forecast(Liar, most, most, most, Urgent: true, Now) { Need = most, Used = most, Harm = 1 };
            var lied = Plan(state, reports, forecasts.SetItem(Liar, foreseen));
            var told = Plan(state, reports, forecasts.SetItem(Liar, asked));
            foreach (var vm in honest)
            {
                Assert.True(
                    lied[vm] + Slack >= MemorySize.Min(told[vm], forecasts[vm].Need),
                    $"{vm} holds {held[vm]} and gets {lied[vm]} beside a guest that lies, but {told[vm]} beside one that asks for its max; "
                    + $"{foreseen}; {forecasts[vm]}");
            }
        }
    }

    /// <summary>Shares are whole steps, and a difference that is not worth a move stays.</summary>
    private static readonly MemorySize Slack = MemorySize.FromMiB(16);

    private static Dictionary<VmId, MemorySize> Plan(
        HostState state, ImmutableDictionary<VmId, VmProtocol.Report> reports, ImmutableDictionary<VmId, Forecast> forecasts) =>
        HostPlanner.Next(
            state, reports, forecasts, new Dictionary<VmId, Told>(), new() { Memory = state.Ledger.HostMemory }, new Arbiter(), tick: true,
            now: Now)
            .Allotments.ToDictionary(a => a.Vm, a => a.Target);

    private static Forecast Honest(SeededRandom chance, VmId vm, MemorySize held)
    {
        var used = held.Scale(chance.Between(20, 100) / 100.0);
        var demand = used + MemorySize.FromMiB(chance.Between(0, 1024));
        return new(vm, used, demand, demand + MemorySize.FromMiB(chance.Between(0, 256)), chance.OneIn(6), Now)
        {
            Need = used,
            Used = used,
            Harm = chance.OneIn(3) ? chance.Between(1, 100) / 100.0 : 0,
        };
    }

    private static string Line(SeededRandom chance)
    {
        var line = new StringBuilder("""{"t":"sample","why":" """.TrimEnd()).Append(chance.Of<string>(Whys)).Append('"');
        foreach (var name in Levels.Concat(Counters))
            line.Append(CultureInfo.InvariantCulture, $",\"{name}\":{Figure(chance)}");
        return line.Append('}').ToString();
    }

    private static long Figure(SeededRandom chance) => chance.Below(5) switch
    {
        0 => (long)(chance.Next() >> 1),
        1 => (1L << chance.Below(63)) + chance.Between(-1, 1),
        2 => chance.Of([0, 1, 1L << 51, 2_140_000_000_000_000, long.MaxValue]),
        3 => chance.Below(int.MaxValue),
        _ => chance.Below(4_000_000),
    };

    private static VmSizes SizesOf(MemorySize actual) => new(actual, default, default, default, default);

    private static (HostState State, ImmutableDictionary<VmId, VmProtocol.Report> Reports) HostOf(
        Dictionary<VmId, MemorySize> held, MemorySize max, MemorySize memory)
    {
        var state = new HostState(new Ledger(memory, MemorySize.Zero));
        var reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
        foreach (var (vm, size) in held)
        {
            var handle = new VmHandle(vm, "simulation", size, "", null, null, null, false);
            state = state.Apply(new VmAdopted(Wall, new(MemorySize.FromMiB(64), max), handle, size, MemorySize.Zero), new(Now, Wall));
            state = state with { Ledger = state.Ledger.Observe(vm, size, MemorySize.Zero) };
            reports = reports.SetItem(vm, new(vm, VmPhase.Settled, null, SizesOf(size), new(size, size, size)));
        }

        return (state, reports);
    }
}
