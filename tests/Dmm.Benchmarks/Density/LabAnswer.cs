using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dmm.Core;
using Dmm.Lab.Density;
using Dmm.Lab.Traces;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Density;

/// <summary>The lab's result for the same load on the same memory, with perfect foresight as one of the laws.</summary>
internal static class LabAnswer
{
    /// <param name="laws">The laws, in the form of <c>dmm lab density --laws</c>.</param>
    /// <param name="folder">The folder for the traces, from which the lab can be run again.</param>
    /// <param name="delays">The delays, in the form of <c>--delays</c>; null: the lab's own.</param>
    /// <exception cref="TestbedException">The lab refused; the message is the lab's own.</exception>
    public static async Task<DensityReport> AskAsync(
        DensityLoad load, int vms, MemorySize memory, string laws, double shortfall, string folder, string? delays,
        CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        for (var vm = 0; vm < vms; vm++)
            TraceWriter.Write(load.Trace(vm, load.Cycle * 20), Path.Combine(folder, $"vm{vm:00}.csv"));
        var json = Path.Combine(folder, "density.json");
        List<string> arguments =
        [
            "lab", "density", "--traces", folder, "--host-memory", memory.ToExactText(), "--laws", laws,
            "--min", load.Min.ToExactText(), "--shortfall", shortfall.ToString(CultureInfo.InvariantCulture),
            "--json", json,
        ];
        if (delays is not null)
            arguments.AddRange(["--delays", delays]);
        using var lab =
            Process.Start(
                new ProcessStartInfo(Repository.PathOf("bin", "dmm"), arguments)
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                })
            ?? throw new TestbedException("bin/dmm can't be started");
        var (output, errors) = (lab.StandardOutput.ReadToEndAsync(cancellation), lab.StandardError.ReadToEndAsync(cancellation));
        try
        {
            await lab.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            lab.Kill(entireProcessTree: true);
            throw;
        }

        await output;
        return lab.ExitCode == 0
            ? JsonSerializer.Deserialize<DensityReport>(await File.ReadAllTextAsync(json, cancellation), JsonSerializerOptions.Web)!
            : throw new TestbedException((await errors).Trim().Split('\n')[^1]);
    }
}
