using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dmm.Core;
using Dmm.Lab.Density;
using Dmm.Lab.Traces;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Density;

/// <summary>What the lab says to the same load on the same memory, perfect foresight included.</summary>
internal static class LabAnswer
{
    /// <param name="laws">As <c>dmm lab density --laws</c> takes them.</param>
    /// <param name="folder">Where the traces are written, for whoever wants to ask the lab again.</param>
    /// <param name="delays">As <c>--delays</c> takes them; null: the lab's own.</param>
    /// <exception cref="TestbedException">The lab refused; the message is its own.</exception>
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
            "lab", "density", "--traces", folder, "--host-memory", memory.Bytes.ToString(CultureInfo.InvariantCulture), "--laws", laws,
            "--min", load.Min.Bytes.ToString(CultureInfo.InvariantCulture), "--shortfall", shortfall.ToString(CultureInfo.InvariantCulture),
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
