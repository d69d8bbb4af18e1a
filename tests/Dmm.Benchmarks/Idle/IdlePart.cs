using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dmm.Benchmarks.Recovery;

namespace Dmm.Benchmarks.Idle;

/// <summary>
/// Measures what a daemon costs its host while nothing happens: simulated VMs at rest, one sample per second each. CPU is the time of the
/// process, user and system, including the simulated guests; memory is its resident memory at the end.
/// </summary>
internal static class IdlePart
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Build(Option<string> output)
    {
        var vms = new Option<int>("--vms") { Description = "Simulated VMs", DefaultValueFactory = _ => 1_000 };
        var settle = new Option<int>("--settle") { Description = "Seconds before it is measured", DefaultValueFactory = _ => 30 };
        var seconds = new Option<int>("--seconds") { Description = "Seconds in which it is measured", DefaultValueFactory = _ => 60 };
        var program = new Option<string>("--dmmd") { Description = "The daemon", DefaultValueFactory = _ => "bin/dmmd" };
        var command = new Command("idle", "CPU and memory of a daemon with 1,000 VMs at rest") { vms, settle, seconds, program, output };
        command.SetAction((parse, cancellation) => RunAsync(
            parse.GetValue(vms), TimeSpan.FromSeconds(parse.GetValue(settle)), TimeSpan.FromSeconds(parse.GetValue(seconds)),
            Path.GetFullPath(parse.GetValue(program)!), parse.GetValue(output)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(
        int vms, TimeSpan settle, TimeSpan time, string program, string output, CancellationToken cancellation)
    {
        using var house = new RecoveryHouse(vms, events: (3 * vms) + 1_000);
        var report = await house.RunAsync(
            program,
            async (daemon, _, cancel) =>
            {
                await Task.Delay(settle, cancel);
                var (clock, before) = (Stopwatch.StartNew(), daemon.TotalProcessorTime);
                await Task.Delay(time, cancel);
                daemon.Refresh();
                return new
                {
                    vms,
                    cpuPercentOfACore = Math.Round(100 * (daemon.TotalProcessorTime - before).TotalSeconds / clock.Elapsed.TotalSeconds, 2),
                    residentMiB = daemon.WorkingSet64 >> 20,
                    threads = daemon.Threads.Count,
                    seconds = Math.Round(clock.Elapsed.TotalSeconds, 1),
                    cores = Environment.ProcessorCount,
                };
            },
            cancellation);
        Directory.CreateDirectory(output);
        var file = Path.Combine(output, "idle.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(report, Json) + "\n", cancellation);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"idle: {vms} VMs cost {report.cpuPercentOfACore} % of a core and {report.residentMiB} MiB; {file}"));
        return 0;
    }
}
