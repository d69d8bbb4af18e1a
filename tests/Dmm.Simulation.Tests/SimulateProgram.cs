using System.Diagnostics;

namespace Dmm.Simulation.Tests;

/// <summary>The simulation's program, as a process of its own.</summary>
internal static class SimulateProgram
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(240);

    /// <param name="arguments">What follows <c>dmm-simulate lab</c>, separated by spaces.</param>
    /// <param name="behind">What the shell has behind the command: where its output goes.</param>
    /// <exception cref="TimeoutException">The program has not ended after four minutes.</exception>
    public static async Task<(int Code, string Output, string Error)> RunAsync(string arguments, string behind = "")
    {
        var start = new ProcessStartInfo(
            "bash", [
                "-c",
                $"set -o pipefail; \"$0\" \"$@\" {behind}",
                Environment.ProcessPath!,
                Path.Combine(AppContext.BaseDirectory, "dmm-simulate.dll"),
                "lab",
                .. arguments.Split(' '),
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(Deadline);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return (process.ExitCode, await output, await error);
    }
}
