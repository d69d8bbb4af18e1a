using System.Diagnostics;

namespace Dmm.Simulation.Tests;

/// <summary>The output of the simulation's program can be full, or go away: the program reports it, or ends in good order.</summary>
public sealed class OutputTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("simulate --steps 10", ">/dev/full", 1, "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("simulate --steps 10000 --print", ">/dev/full", 1, "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("simulate --steps 20000 --print", "| head -n 1 >/dev/null", 0, "")]
    [InlineData("campaign --core-steps 10 --actor-steps 0 --report /dev/full", "", 1,
        "dmm: /dev/full can't be written: No space left on device[^\n]*\n")]
    [InlineData("campaign --core-steps 10 --actor-steps 0 --report /proc/nowhere/sum.json", "", 1,
        "dmm: /proc/nowhere/sum.json can't be written: Could not find [^\n]*\n")]
    public async Task What_can_not_be_written_has_failed_and_a_reader_that_has_had_enough_is_no_fault(
        string arguments, string behind, int code, string error)
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
        var (output, said) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(Deadline);
        await output;
        Assert.Equal(code, process.ExitCode);
        Assert.Matches($"^{error}$", await said);
    }
}
