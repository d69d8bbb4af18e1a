using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Xunit.Abstractions;

namespace Dmm.Testbed.Tests;

/// <summary>
/// The daemon is killed with -9 many times. <c>DMM_KILLS</c> sets the number (default 50), <c>DMM_SEED</c> repeats a run, and
/// <c>DMM_SOAK_JSON</c> names a file for the result: <c>make soak</c> sets them.
/// </summary>
public sealed class KillStories(ITestOutputHelper output)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    [Fact]
    public async Task A_daemon_killed_again_and_again_loses_no_vm_and_no_promise()
    {
        var kills = Number("DMM_KILLS") ?? 50;
        var seed = Number("DMM_SEED") ?? Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var clock = Stopwatch.StartNew();
        await using var host = await RealHost.StartAsync(memoryMiB: 2560, limit: TimeSpan.FromMinutes(8 + (kills / 10)));
        var run = new KillRun(host, seed);
        var violations = 1;
        try
        {
            await run.RunAsync(kills);
            violations = 0;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"DMM_SEED={seed} repeats it; after {run.Kills} kills: {e.Message}; dmmd said "
                    + $"last: {string.Join(" | ", host.Daemon.Log.Tail(8))}", e);
        }
        finally
        {
            if (Environment.GetEnvironmentVariable("DMM_SOAK_JSON") is { Length: > 0 } file)
            {
                await File.WriteAllTextAsync(file, JsonSerializer.Serialize(
                    new
                    {
                        run.Steps,
                        Seeds = new[] { seed },
                        violations,
                        Restarts = run.Kills,
                        Seconds = Math.Round(clock.Elapsed.TotalSeconds, 1),
                    }, Json));
            }
        }
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
