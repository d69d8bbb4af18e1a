using System.Collections.Concurrent;
using System.Diagnostics;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Demo.Reporting;
using Dmm.Demo.Screens;
using Dmm.Testbed;

namespace Dmm.Demo;

/// <summary>Samples every guest four times a second, from outside DMM, for the report, the plot and the screen.</summary>
public sealed class Recorder(Timeline timeline, IScreen screen) : IAsyncDisposable
{
    private const int RoundsPerHostLook = 4;
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly ConcurrentDictionary<string, Guest> _guests = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public TimeSpan Now => _clock.Elapsed;

    public void Start() => _running = Task.Run(RunAsync);

    public void Follow(Guest guest) => _guests[guest.Name] = guest;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            using var tick = new PeriodicTimer(Period);
            for (var round = 0; await tick.WaitForNextTickAsync(_stop.Token); round++)
            {
                var samples = new List<Sample>();
                foreach (var guest in _guests.Values.OrderBy(g => g.Name, StringComparer.Ordinal))
                    samples.Add(new(Now, round, guest.Name, await guest.Eye.LookAsync(_stop.Token), guest.Load.Last));
                timeline.Add(samples);
                if (round % RoundsPerHostLook == 0)
                    timeline.Add(
                        new HostSample(
                            Now, _guests.Values.Aggregate(MemorySize.Zero, (sum, g) => sum
                                + (ProcessMemory.Pss(g.Pid) ?? MemorySize.Zero))));
                screen.Show(Now, samples);
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
            return;
        }
        catch (Exception e) when (e is HypervisorException or TestbedException)
        {
            screen.Line(Now, $"a guest can no longer be seen: {e.Message}");
        }
    }
}
