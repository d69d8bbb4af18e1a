using System.Collections.Immutable;
using BenchmarkDotNet.Attributes;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Benchmarks.Arbitration;

/// <summary>
/// The work of the host's actor around the arbiter in each period: bids are gathered, the plan is made, promises are decided, waits are
/// chained.
/// </summary>
public class PlannerBench
{
    private static readonly MemorySize Overhead = MemorySize.FromMiB(32);
    private static readonly Moment Now = Moment.Origin;

    private readonly Arbiter _arbiter = new();
    private readonly Dictionary<VmId, Told> _told = [];
    private HostState _state = new(new Ledger(MemorySize.Zero, MemorySize.Zero));
    private ImmutableDictionary<VmId, VmProtocol.Report> _reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
    private ImmutableDictionary<VmId, Forecast> _forecasts = ImmutableDictionary<VmId, Forecast>.Empty;
    private readonly DecisionLog _log = new(ExplainKeep.Default);
    private HostSettings _settings = new() { Memory = MemorySize.Zero };
    private Planned? _planned;

    [ParamsSource(nameof(Sizes))]
    public int Vms { get; set; }

    [Params(Regime.Enough, Regime.Slack, Regime.Contention, Regime.Drained)]
    public Regime Regime { get; set; }

    public static IEnumerable<int> Sizes => ArbiterPart.Sizes;

    [GlobalSetup]
    public void Setup()
    {
        var population = new Population(Vms, Regime);
        var host = population.Budget + Overhead.Scale(Vms);
        _settings = new() { Memory = host, Cushion = MemorySize.FromGiB(1) };
        _state = new(new Ledger(host, MemorySize.Zero));
        var now = new Clocks(Now, DateTimeOffset.UnixEpoch);
        foreach (var bid in population.Bids)
        {
            var handle = new VmHandle(bid.Vm, "simulation", bid.Min, "", null, null, null, Owned: true);
            _state = _state.Apply(new VmAdopted(now.Wall, new(bid.Min, bid.Max, bid.Shares), handle, bid.Held, Overhead), now);
            _state = _state with { Ledger = _state.Ledger.Observe(bid.Vm, bid.Held, Overhead) };
            _reports = _reports.SetItem(
                bid.Vm, new(bid.Vm, VmPhase.Settled, null, new(bid.Held, default, default, default, default),
                    new(bid.Held, bid.Held, bid.Held)));
            _forecasts = _forecasts.SetItem(
                bid.Vm, new(bid.Vm, bid.Need, bid.Want, bid.ShrinkTo, bid.Urgent, Now)
                {
                    Need = bid.Need,
                    Harm = bid.Harm,
                    Used = bid.TakenTo,
                });
        }

        Next();
        _planned = new(now, true, Plan(), _state, _reports, _forecasts, ImmutableSortedDictionary<VmId, Moment>.Empty, _settings);
    }

    [Benchmark]
    public int Next() => Plan().Changes.Length;

    /// <summary>Measures the cost of recording the reasons of a plan, which is work outside the host's actor.</summary>
    [Benchmark]
    public int Record()
    {
        _log.Take(_planned!);
        return _log.Count;
    }

    private HostPlan Plan() => HostPlanner.Next(_state, _reports, _forecasts, _told, _settings, _arbiter, tick: true, Now);
}
