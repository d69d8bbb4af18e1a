using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Dmm.Benchmarks.Recovery;

/// <summary>
/// Measures how long a restarted daemon takes until its ledger governs, and until every VM has reported. The figures are the daemon's
/// own, counted from the start of its process. Each run begins with the same journal and the same simulated VMs.
/// </summary>
internal static class RecoveryPart
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Build(Option<string> output)
    {
        var vms = new Option<int>("--vms") { Description = "Simulated VMs", DefaultValueFactory = _ => 1_000 };
        var events = new Option<int>("--events")
        {
            Description = "Events in the journal; a snapshot stands at the last multiple of 500",
            DefaultValueFactory = _ => 20_250,
        };
        var runs = new Option<int>("--runs") { Description = "How often it is measured; the median counts", DefaultValueFactory = _ => 5 };
        var program = new Option<string>("--dmmd") { Description = "The daemon", DefaultValueFactory = _ => "bin/dmmd" };
        var command = new Command("recovery", "From process start to the first plan with 1,000 VMs") { vms, events, runs, program, output };
        command.SetAction((parse, cancellation) => RunAsync(
            parse.GetValue(vms), parse.GetValue(events), parse.GetValue(runs), Path.GetFullPath(parse.GetValue(program)!),
            parse.GetValue(output)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int vms, int events, int runs, string program, string output, CancellationToken cancellation)
    {
        using var house = new RecoveryHouse(vms, events);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"recovery: {vms} VMs, {house.Events} events, {house.JournalBytes / 1024} KiB of journal, {Environment.ProcessorCount} "
                    + $"cores"));
        List<RecoveryRun> measured = [];
        for (var i = 0; i < runs; i++)
        {
            var run = await house.MeasureAsync(program, cancellation);
            measured.Add(run);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  in control after {run.InControlSeconds:0.00} s, all actors after {run.AllActorsSeconds:0.00} "
                    + $"s, {run.InControlCpuSeconds:0.00} and {run.CpuSeconds:0.00} s of CPU (load {run.LoadAverage:0.0})"));
        }

        var report = new
        {
            vms,
            events = house.Events,
            inControlSeconds = Median(measured.Select(r => r.InControlSeconds)),
            allActorsSeconds = Median(measured.Select(r => r.AllActorsSeconds)),
            inControlCpuSeconds = Median(measured.Select(r => r.InControlCpuSeconds)),
            cores = Environment.ProcessorCount,
            runs = measured,
        };
        Directory.CreateDirectory(output);
        var file = Path.Combine(output, "recovery.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(report, Json) + "\n", cancellation);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"recovery: in control after {report.inControlSeconds:0.00} s, all actors after {report.allActorsSeconds:0.00} s "
                + $"(medians); {file}"));
        return 0;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>One start of the daemon.</summary>
/// <param name="InControlCpuSeconds">
/// The daemon's CPU time, user and system, until its ledger governed: other load on the machine hardly changes it.
/// </param>
/// <param name="CpuSeconds">The daemon's CPU time until every VM had reported.</param>
/// <param name="LoadAverage">The load average of the machine in the minute before: under much other load the figures mean little.</param>
internal sealed record RecoveryRun(
    double InControlSeconds, double AllActorsSeconds, double InControlCpuSeconds, double CpuSeconds, double LoadAverage);
