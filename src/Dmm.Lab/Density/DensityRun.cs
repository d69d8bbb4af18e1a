using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Dmm.Core;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Density;

/// <summary>
/// Finds the number of VMs that a host holds under each law. VMs join in a seeded random order; the result is the largest number of
/// them, all present from the start, for which Σ shortfall ÷ Σ need stays within a bound. The result with perfect foresight is an upper
/// bound for every law, and is cheap to compute. A replay ends as soon as its shortfall exceeds the bound of the whole replay.
/// </summary>
internal sealed class DensityRun
{
    private readonly TraceHost _host;
    private readonly long _memory;
    private readonly double _bound;
    private readonly MechanismDelays _delays;
    private readonly ulong _seed;
    private readonly int[][] _orders;
    private readonly OracleReplay _oracle;
    private readonly int[] _oracleHolds;

    public DensityRun(
        TraceHost host, MemorySize memory, double bound, int orders, MechanismDelays delays, ulong seed, CancellationToken cancellation)
    {
        (_host, _memory, _bound, _delays, _seed) = (host, memory.Bytes, bound, delays, seed);
        var chance = new SeededRandom(seed);
        _orders = [.. Enumerable.Range(0, orders).Select(_ => Shuffled(host.Vms.Count, chance.Split()))];
        _oracle = new(host.Vms, delays, host.End, cancellation);
        _oracleHolds = [.. _orders.Select(order => OracleHolds(order, cancellation))];
    }

    /// <summary>Reports a result: law, order (from 1), VMs.</summary>
    public Action<string, int, int>? Found { get; init; }

    public IReadOnlyList<DensityFigures> Run(IReadOnlyList<string> laws, CancellationToken cancellation)
    {
        var results = laws.Select(law => new Result(law, new int[_orders.Length])).ToList();
        var options = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            // The first order gives a guess for the others. It is done alone first, so that the result does not depend on the threads'
            // timing.
            Parallel.For(0, laws.Count, options, i => One(results[i], 0, _oracleHolds[0], cancellation));
            var rest = results.SelectMany(result => Enumerable.Range(1, _orders.Length - 1).Select(order => (result, order))).ToList();
            Parallel.ForEach(rest, options, item => One(item.result, item.order, Guess(item.result, item.order), cancellation));
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        var oracle = laws.Contains(LabLaw.Oracle) ? _oracleHolds : null;
        return [.. results.Select(r => DensityFigures.Of(r.Law, r.Holds, oracle, r.Replays, r.Ticks / (double)Stopwatch.Frequency))];
    }

    private int Guess(Result result, int order) =>
        _oracleHolds[0] == 0 ? 0 : (int)Math.Round((double)result.Holds[0] * _oracleHolds[order] / _oracleHolds[0]);

    private void One(Result result, int order, int guess, CancellationToken cancellation)
    {
        var clock = Stopwatch.GetTimestamp();
        var replays = 0;
        if (result.Law == LabLaw.Oracle)
        {
            result.Holds[order] = _oracleHolds[order];
        }
        else
        {
            var law = LabLaw.Of(result.Law);
            var vms = _host.For(law.Create());
            List<VmPlan> joining = [.. _orders[order].Select(i => vms[i])];
            var most = Math.Min(law.Admit(joining, _memory), _oracleHolds[order]);
            result.Holds[order] = MostWithin.Find(guess, most, n =>
            {
                replays++;
                return Holds(law, joining, _orders[order], n, cancellation);
            });
        }

        Found?.Invoke(result.Law, order + 1, result.Holds[order]);
        Interlocked.Add(ref result.Replays, replays);
        Interlocked.Add(ref result.Ticks, Stopwatch.GetTimestamp() - clock);
    }

    private bool Holds(LabLaw law, List<VmPlan> joining, int[] order, int count, CancellationToken cancellation)
    {
        if (count == 0)
            return true;
        double most = 0;
        for (var i = 0; i < count; i++)
            most += _bound * _oracle.Need(order[i]);
        var engine = new ReplayEngine(_memory, joining.GetRange(0, count), law.Create(), _delays, _host.End, _seed);
        engine.GoesOn = () =>
        {
            cancellation.ThrowIfCancellationRequested();
            return Shortfall(engine) <= most;
        };
        return engine.Run() && Shortfall(engine) <= most;
    }

    private static double Shortfall(ReplayEngine engine)
    {
        double sum = 0;
        foreach (var vm in engine.Vms)
            sum += vm.ShortfallByteSeconds;
        return sum;
    }

    private int OracleHolds(int[] order, CancellationToken cancellation)
    {
        var byMin = LabLaw.AdmitByMin([.. order.Select(i => _host.Vms[i])], _memory);
        return MostWithin.Find(byMin / 2, byMin, n =>
        {
            cancellation.ThrowIfCancellationRequested();
            var takes = new bool[_host.Vms.Count];
            foreach (var i in order.AsSpan(0, n))
                takes[i] = true;
            return _oracle.Run(_memory, takes).ShortfallRatio <= _bound;
        });
    }

    private static int[] Shuffled(int count, SeededRandom chance)
    {
        var order = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var j = chance.Below(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    private sealed class Result(string law, int[] holds)
    {
        public int Replays;
        public long Ticks;

        public string Law => law;

        public int[] Holds => holds;
    }
}
