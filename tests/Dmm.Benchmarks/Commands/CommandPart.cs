using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dmm.Benchmarks.Recovery;

namespace Dmm.Benchmarks.Commands;

/// <summary>
/// Measures the size of the command, and the time from its start to its answer: for its help, and for a list of VMs from a daemon. For
/// comparison, the time that this machine takes to start any program at all.
/// </summary>
internal static class CommandPart
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Build(Option<string> output)
    {
        var runs = new Option<int>("--runs") { Description = "Runs of each command", DefaultValueFactory = _ => 40 };
        var program = new Option<string>("--dmm") { Description = "The command", DefaultValueFactory = _ => "bin/dmm" };
        var daemon = new Option<string>("--dmmd") { Description = "The daemon", DefaultValueFactory = _ => "bin/dmmd" };
        var command = new Command("command", "Size of dmm, and the time from its start to its answer") { runs, program, daemon, output };
        command.SetAction((parse, cancellation) => RunAsync(
            parse.GetValue(runs), Path.GetFullPath(parse.GetValue(program)!), Path.GetFullPath(parse.GetValue(daemon)!),
            parse.GetValue(output)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int runs, string program, string daemon, string output, CancellationToken cancellation)
    {
        using var house = new RecoveryHouse(vms: 10, events: 100);
        var listed = await house.RunAsync(
            daemon, (_, _, cancel) => MedianAsync(runs, program, ["vm", "list", "--socket", house.Socket], cancel), cancellation);
        var help = await MedianAsync(runs, program, ["--help"], cancellation);
        var any = await MedianAsync(runs, "/bin/true", [], cancellation);
        var report = new
        {
            mib = Math.Round(new FileInfo(program).Length / 1024.0 / 1024, 1),
            helpMs = help,
            listMs = listed,
            anyProgramMs = any,
            runs,
        };
        Directory.CreateDirectory(output);
        var file = Path.Combine(output, "command.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(report, Json) + "\n", cancellation);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"command: {report.mib} MiB; help after {help} ms, a list of ten VMs after {listed} ms (any program: {any} ms); {file}"));
        return 0;
    }

    /// <summary>Returns the median run time in milliseconds.</summary>
    private static async Task<double> MedianAsync(int runs, string program, string[] arguments, CancellationToken cancellation)
    {
        var times = new List<double>();
        for (var i = 0; i < runs; i++)
        {
            var clock = Stopwatch.StartNew();
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })
                ?? throw new InvalidOperationException($"{program} can't be started");
            await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            times.Add(clock.Elapsed.TotalMilliseconds);
            if (process.ExitCode != 0)
                throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
        }

        times.Sort();
        return Math.Round(times[times.Count / 2], 1);
    }
}
