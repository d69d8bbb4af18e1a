using System.Text;
using Dmm.Core;

namespace Dmm.Fuzz.Tests;

/// <summary>Each rule of a run finds a reader that breaks it, and shrinking leaves what the reader can't stand.</summary>
public sealed class BrokenReaderTests
{
    private static readonly FuzzPlan Plan = new() { Inputs = 20_000, Workers = 2 };

    public static TheoryData<string, Func<byte[], string?>, string> Readers => new()
    {
        { "throws", static input => Holds(input, "\0") ? throw new InvalidOperationException("a NUL") : null,
            "threw System.InvalidOperationException" },
        { "tells", static input => Holds(input, "[[[[") ? "is nested too deep for me" : null, "nested too deep" },
        { "indexes", static input => Holds(input, "\\ud800") ? $"{input[input.Length]}" : null, "threw System.IndexOutOfRangeException" },
        { "overflows", static input => Holds(input, "9999999999") ? $"{checked(int.MaxValue + input.Length)}" : null,
            "threw System.OverflowException" },
        { "hoards", static input => Holds(input, "hello") && new byte[3 << 20].Length == 0 ? "" : null, "allocated" },
    };

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task A_reader_that_breaks_a_rule_is_found_and_the_input_made_small(
        string name, Func<byte[], string?> read, string expected)
    {
        Task<IFuzzTarget> Make() => Task.FromResult<IFuzzTarget>(new Broken(read));
        var (result, fault) = await new FuzzRun(name, Make, Plan).RunAsync(CancellationToken.None);
        Assert.NotNull(fault);
        Assert.Equal(1, result.Faults);
        Assert.Contains(expected, fault.What, StringComparison.Ordinal);
        Assert.Equal(fault.Input, new Broken(read).Make(Plan.RandomOf(fault.Index)));

        var smallest = await Fuzzing.SmallestAsync(Make, fault, CancellationToken.None);
        Assert.InRange(smallest.Length, 1, 10);
        Assert.Contains(expected, (await FuzzRun.TryAsync(new Broken(read), smallest, live: false)).What, StringComparison.Ordinal);
        Assert.Contains(
            $"dmm-fuzz {name} --input {Convert.ToBase64String(smallest)}",
            await Fuzzing.ExplainAsync(name, Make, Plan, fault, CancellationToken.None), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_never_ends_is_found()
    {
        var hung = new TaskCompletionSource<string?>();
        Task<IFuzzTarget> Make() => Task.FromResult<IFuzzTarget>(new Broken(static _ => null) { Never = hung.Task });
        var plan = Plan with { Deadline = TimeSpan.FromSeconds(2) };
        var (result, fault) = await new FuzzRun("hangs", Make, plan).RunAsync(CancellationToken.None);
        hung.SetResult(null);
        Assert.True(fault is { Hangs: true }, $"{fault}");
        Assert.Equal(1, result.Faults);
    }

    [Fact]
    public async Task A_reader_that_keeps_what_it_read_is_found()
    {
        var kept = new List<byte[]>();
        Task<IFuzzTarget> Make() => Task.FromResult<IFuzzTarget>(new Broken(input =>
        {
            lock (kept)
                kept.Add(new byte[4096]);
            return null;
        }));
        var (_, fault) = await new FuzzRun("keeps", Make, Plan with { MostGrowth = 32 << 20 }).RunAsync(CancellationToken.None);
        Assert.Contains("the heap grew by", fault?.What, StringComparison.Ordinal);
        Assert.NotEmpty(kept);
    }

    private static bool Holds(byte[] input, string piece) => input.AsSpan().IndexOf(Encoding.ASCII.GetBytes(piece)) >= 0;

    /// <summary>A reader of a small grammar with a fault of its own.</summary>
    private sealed class Broken(Func<byte[], string?> read) : IFuzzTarget
    {
        private static readonly byte[][] Samples = ["{\"t\":\"hello\",\"n\":17}"u8.ToArray(), "[1,2,{\"a\":\"b\"}]"u8.ToArray()];

        private readonly Mutator _mutator = new(Samples, []);

        /// <summary>When every hundredth input is done.</summary>
        public Task<string?>? Never { get; init; }

        public int LiveEvery => Never is null ? 0 : 100;

        public byte[] Make(SeededRandom random) => _mutator.Mutate(random, random.Of<byte[]>(Samples));

        public Task<string?> TryAsync(byte[] input, bool live) => live && Never is not null ? Never : Task.FromResult(read(input));

        public long MostAllocated(byte[] input) => (1 << 20) + (64L * input.Length);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
