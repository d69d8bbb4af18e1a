using BenchmarkDotNet.Attributes;
using Dmm.Core;
using Dmm.Core.Planning;

namespace Dmm.Benchmarks.Arbitration;

/// <summary>One plan of the arbiter; its buffers have grown to their size before.</summary>
public class ArbiterBench
{
    private readonly Arbiter _arbiter = new();
    private Bid[] _bids = [];
    private MemorySize _budget;

    [ParamsSource(nameof(Sizes))]
    public int Vms { get; set; }

    [Params(Regime.Enough, Regime.Slack, Regime.Contention, Regime.Drained)]
    public Regime Regime { get; set; }

    public static IEnumerable<int> Sizes => ArbiterPart.Sizes;

    [GlobalSetup]
    public void Setup()
    {
        var population = new Population(Vms, Regime);
        (_bids, _budget) = (population.Bids, population.Budget);
        _arbiter.Decide(_bids, _budget, MemorySize.FromGiB(1));
    }

    [Benchmark]
    public MemorySize Plan() => _arbiter.Decide(_bids, _budget, MemorySize.FromGiB(1))[0].Target;
}

/// <summary>
/// The reference for the arbiter: sorting the same number of keys, each with the index that it belongs to. The keys are unsorted each
/// time.
/// </summary>
public class SortBench
{
    private double[] _unsorted = [];
    private double[] _keys = [];
    private int[] _items = [];

    [ParamsSource(nameof(Sizes))]
    public int Vms { get; set; }

    public static IEnumerable<int> Sizes => ArbiterPart.Sizes;

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _unsorted = [.. Enumerable.Range(0, Vms).Select(_ => random.NextDouble())];
        (_keys, _items) = (new double[Vms], new int[Vms]);
    }

    [Benchmark]
    public int Sort()
    {
        _unsorted.CopyTo(_keys, 0);
        for (var i = 0; i < _items.Length; i++)
            _items[i] = i;
        Array.Sort(_keys, _items);
        return _items[0];
    }
}
