using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Dmm.Benchmarks.Arbitration;

/// <summary>
/// Measures the cost of a plan in each regime: the arbiter alone, next to sorting as many keys; the planner around it (bids, plan,
/// promises, waits); and the record that is kept to explain it. BenchmarkDotNet measures in this process, so that no SDK is needed where
/// it runs.
/// </summary>
internal static class ArbiterPart
{
    /// <summary>The promised limit of a plan for 10,000 VMs, in milliseconds.</summary>
    private const double Goal = 2;
    private const int GoalVms = 10_000;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The numbers of VMs that are measured. BenchmarkDotNet takes them from here.</summary>
    public static int[] Sizes { get; private set; } = [1_000, GoalVms];

    public static Command Build(Option<string> output)
    {
        var vms = new Option<int[]>("--vms")
        {
            Description = "Numbers of VMs",
            DefaultValueFactory = _ => Sizes,
            AllowMultipleArgumentsPerToken = true,
        };
        var runs = new Option<int>("--runs") { Description = "How often it is measured; the median counts", DefaultValueFactory = _ => 15 };
        var command = new Command("arbiter", "A plan for 10,000 VMs, next to sorting 10,000 keys") { vms, runs, output };
        command.SetAction(parse => Run(parse.GetValue(vms)!, parse.GetValue(runs), parse.GetValue(output)!));
        return command;
    }

    private static int Run(int[] sizes, int runs, string output)
    {
        Sizes = sizes;
        var machine = Machine.Read();
        var arbiter = Measure<ArbiterBench>(runs, output);
        var sort = Measure<SortBench>(runs, output);
        var (planner, record) = Split(Measure<PlannerBench>(runs, output), nameof(PlannerBench.Next));
        var sorted = sort.ToDictionary(s => s.Vms, s => s.MedianMilliseconds);
        arbiter = [.. arbiter.Select(a => a with { RatioToSort = Math.Round(a.MedianMilliseconds / sorted[a.Vms], 2) })];
        var report = new { goal = new { vms = GoalVms, milliseconds = Goal, met = Met(arbiter) }, arbiter, sort, planner, record, machine };
        Directory.CreateDirectory(output);
        var file = Path.Combine(output, "arbiter.json");
        File.WriteAllText(file, JsonSerializer.Serialize(report, Json) + "\n");
        Say("arbiter", arbiter);
        Say("sort", sort);
        Say("planner", planner);
        Say("record", record);
        Console.WriteLine($"arbiter: {file}");
        return 0;
    }

    private static bool? Met(IReadOnlyCollection<Measured> arbiter) =>
        arbiter.Where(a => a.Vms == GoalVms).ToList() is { Count: > 0 } goal
        ? goal.TrueForAll(a => a is { MedianMilliseconds: <= Goal, AllocatedBytes: 0 }) : null;

    private static (List<Measured> These, List<Measured> Others) Split(List<Measured> all, string method) =>
        ([.. all.Where(m => m.Method == method)], [.. all.Where(m => m.Method != method)]);

    private static List<Measured> Measure<T>(int runs, string output)
    {
        Console.WriteLine($"{typeof(T).Name}: {runs} runs each …");
        var config = ManualConfig.CreateEmpty()
            .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(5).WithIterationCount(runs))
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddLogger(new StreamLogger(Log(output, typeof(T).Name)))
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .WithArtifactsPath(Path.Combine(Path.GetFullPath(output), "arbiter"));
        return [.. BenchmarkRunner.Run<T>(config).Reports.Select(Read)];
    }

    private static string Log(string output, string name)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetFullPath(output), "arbiter"));
        return Path.Combine(folder.FullName, $"{name}.log");
    }

    private static Measured Read(BenchmarkReport report)
    {
        var statistics = report.ResultStatistics
            ?? throw new InvalidOperationException($"{report.BenchmarkCase.DisplayInfo} was not measured; its log says why");
        var parameters = report.BenchmarkCase.Parameters;
        return new(
            report.BenchmarkCase.Descriptor.WorkloadMethod.Name,
            (int)parameters["Vms"],
            parameters.Items.Any(p => p.Name == "Regime") ? (Regime)parameters["Regime"] : null,
            Milliseconds(statistics.Median),
            Milliseconds(statistics.Percentiles.P25),
            Milliseconds(statistics.Percentiles.P95),
            Milliseconds(statistics.StandardDeviation),
            report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0,
            statistics.N);
    }

    private static double Milliseconds(double nanoseconds) => Math.Round(nanoseconds / 1e6, 4);

    private static void Say(string what, IEnumerable<Measured> measured)
    {
        foreach (var m in measured)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {what,-8} {m.Vms,6} VMs {m.Regime?.ToString().ToLowerInvariant(),-11} {m.MedianMilliseconds,8:0.000} ms "
                    + $"(p25 {m.P25Milliseconds:0.000}, "
                    + $"p95 {m.P95Milliseconds:0.000}){(m.RatioToSort is { } r ? $", {r:0.0} × sort" : "")}, {m.AllocatedBytes} B"));
        }
    }
}

/// <summary>The figures of one case, over its runs.</summary>
internal sealed record Measured(
    string Method, int Vms, Regime? Regime, double MedianMilliseconds, double P25Milliseconds, double P95Milliseconds,
    double DeviationMilliseconds, long AllocatedBytes, int Runs)
{
    public double? RatioToSort { get; init; }
}
