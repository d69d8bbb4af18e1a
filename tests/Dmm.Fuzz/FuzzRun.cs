using System.Diagnostics;
using Dmm.Core;

namespace Dmm.Fuzz;

/// <summary>How often, and from where, a target is tried.</summary>
internal sealed record FuzzPlan
{
    public ulong Seed { get; init; } = 1;

    public long Inputs { get; init; } = 1_000_000;

    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>The longest time for one input; far longer than a busy machine needs.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How much the heap may grow from the first tenth of the run to its end.</summary>
    public long MostGrowth { get; init; } = 128L << 20;

    /// <summary>The input of that number; it depends on nothing else.</summary>
    public SeededRandom RandomOf(long index) => new(unchecked((Seed * 0xD1342543DE82EF95) + ((ulong)index * 0xAF251AF3B0F025B5)));
}

/// <summary>An input that broke a rule.</summary>
/// <param name="Index">Its number; −1 where it is not that of one input.</param>
internal sealed record FuzzFault(long Index, string What, byte[] Input)
{
    /// <summary>The input was not done in time; it is not tried again.</summary>
    public bool Hangs { get; init; }
}

/// <summary>The result for one target; a part of <c>artifacts/fuzz/fuzz.json</c>.</summary>
/// <param name="MostAllocatedBytes">The most that was allocated for one input, loops aside.</param>
/// <param name="HeapGrowthBytes">How much larger the heap was at the end than after a tenth of the run.</param>
/// <param name="PeakBytes">The most memory that the process had.</param>
internal sealed record FuzzResult(
    string Target, ulong Seed, long Inputs, long Faults, double Seconds, long InputBytes, long MostAllocatedBytes, long HeapGrowthBytes,
    long PeakBytes);

/// <summary>Tries one target with many inputs, until one breaks a rule.</summary>
internal sealed class FuzzRun(string name, Func<Task<IFuzzTarget>> make, FuzzPlan plan)
{
    private readonly Lock _gate = new();
    private readonly Current[] _now = [.. Enumerable.Range(0, plan.Workers).Select(_ => new Current())];
    private FuzzFault? _fault;
    private long _done;
    private long _bytes;
    private long _mostAllocated;
    private long _heapAtFirst;

    public async Task<(FuzzResult Result, FuzzFault? Fault)> RunAsync(CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var all = Task.WhenAll(Enumerable.Range(0, plan.Workers).Select(w => Task.Run(() => WorkAsync(w, stop), CancellationToken.None)));
        while (await Task.WhenAny(all, Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None)) != all)
        {
            // A worker that hangs can't be stopped: the run ends without it.
            if (_now.FirstOrDefault(now => now.Hangs(plan.Deadline)) is not { } hangs)
                continue;
            Fail(new(hangs.Index, $"was not done after {plan.Deadline.TotalSeconds:0} s", hangs.Input) { Hangs = true }, stop);
            break;
        }

        if (all.IsCompleted)
            await all;
        var growth = Math.Max(0, GC.GetTotalMemory(forceFullCollection: true) - Interlocked.Read(ref _heapAtFirst));
        if (_fault is null && _heapAtFirst > 0 && growth > plan.MostGrowth)
            Fail(new(-1, $"the heap grew by {growth} bytes", []), stop);
        using var process = Process.GetCurrentProcess();
        return (
            new(name, plan.Seed, _done, _fault is null ? 0 : 1, Math.Round(clock.Elapsed.TotalSeconds, 1), _bytes, _mostAllocated, growth,
                process.PeakWorkingSet64),
            _fault);
    }

    /// <summary>Tries one input, and says what rule it breaks.</summary>
    public static async Task<(string? What, long Allocated)> TryAsync(IFuzzTarget target, byte[] input, bool live)
    {
        var (what, allocated) = await OnceAsync(target, input, live);
        // What a thread allocates for all later inputs, such as a pool's array, is not this input's.
        for (var again = 0; again < 3 && what is null && allocated > target.MostAllocated(input); again++)
            (what, allocated) = await OnceAsync(target, input, live);
        return what is null && allocated > target.MostAllocated(input)
            ? ($"allocated {allocated} bytes for {input.Length}; at most {target.MostAllocated(input)} may be", allocated)
            : (what, allocated);
    }

    private static async Task<(string? What, long Allocated)> OnceAsync(IFuzzTarget target, byte[] input, bool live)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            var trying = target.TryAsync(input, live);
            // What a loop allocates on other threads is bounded by the run's heap.
            var allocated = trying.IsCompleted && !live ? GC.GetAllocatedBytesForCurrentThread() - before : 0;
            return (await trying, allocated);
        }
        catch (Exception e)
        {
            return ($"threw {e.GetType().FullName}: {e.Message}{Environment.NewLine}{e.StackTrace}", 0);
        }
    }

    private async Task WorkAsync(int worker, CancellationTokenSource stop)
    {
        await using var target = await make();
        // What is made once is made before anything is measured.
        var first = target.Make(plan.RandomOf(-1 - worker));
        _now[worker].Begin(-1 - worker, first);
        await TryAsync(target, first, target.LiveEvery > 0);
        _now[worker].End();
        for (long i = worker; i < plan.Inputs && !stop.IsCancellationRequested; i += plan.Workers)
        {
            var input = target.Make(plan.RandomOf(i));
            _now[worker].Begin(i, input);
            var (what, allocated) = await TryAsync(target, input, IsLive(target, i));
            _now[worker].End();
            Count(input.Length, allocated);
            if (what is not null)
                Fail(new(i, what, input), stop);
        }
    }

    public static bool IsLive(IFuzzTarget target, long index) => target.LiveEvery > 0 && index % target.LiveEvery == 0;

    private void Count(int length, long allocated)
    {
        lock (_gate)
        {
            _bytes += length;
            _mostAllocated = Math.Max(_mostAllocated, allocated);
            if (++_done == plan.Inputs / 10)
                _heapAtFirst = GC.GetTotalMemory(forceFullCollection: true);
        }
    }

    private void Fail(FuzzFault fault, CancellationTokenSource stop)
    {
        lock (_gate)
            _fault ??= fault;
        stop.Cancel();
    }

    /// <summary>The input that a worker is at.</summary>
    private sealed class Current
    {
        private readonly Lock _gate = new();
        private long _began;

        public long Index { get; private set; }

        public byte[] Input { get; private set; } = [];

        public void Begin(long index, byte[] input)
        {
            lock (_gate)
                (Index, Input, _began) = (index, input, Stopwatch.GetTimestamp());
        }

        public void End()
        {
            lock (_gate)
                _began = 0;
        }

        public bool Hangs(TimeSpan deadline)
        {
            lock (_gate)
                return _began != 0 && Stopwatch.GetElapsedTime(_began) > deadline;
        }
    }
}
