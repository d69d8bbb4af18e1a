using Dmm.Core.Ports;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Figures;

/// <summary>Runs a part that starts real guests: an error becomes one line and an exit code, and Ctrl-C ends the run cleanly.</summary>
internal static class PartRun
{
    private const int Interrupted = 130;

    public static async Task<int> GuardAsync(string part, Func<Say, Task> run, CancellationToken cancellation)
    {
        try
        {
            await run(new Say(part));
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"{part}: interrupted; nothing is left running");
            return Interrupted;
        }
        catch (Exception e) when (e is TestbedException or HypervisorException or HttpRequestException or IOException)
        {
            await Console.Error.WriteLineAsync($"{part}: {e.Message}");
            return 1;
        }
    }
}
