using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Houses;
using Dmm.Benchmarks.Mechanisms;
using Dmm.Core;

namespace Dmm.Benchmarks.Live;

/// <summary>
/// The same bursts, each answered at once by a plug of the same size through QMP, without a daemon: like an oracle that knows of the
/// burst and has free memory. A system that must first hear of the burst can't be faster.
/// </summary>
internal sealed class RawBursts(LiveSettings settings, Say say, CancellationToken cancellation)
{
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);
    private static readonly MemorySize Stays = MemorySize.FromMiB(32);

    public async Task<IReadOnlyList<RawBurst>> RunAsync(int each)
    {
        say.Line($"raw: bursts that QMP commands answer at once");
        await using var guest = await MeasuredGuest.LaunchAsync(settings.Boot, settings.Max, BenchGuest.Swap, cancellation);
        List<RawBurst> bursts = [];
        for (var i = 0; i < each; i++)
        {
            bursts.Add(await BurstAsync(guest, PhaseKind.HostHasRoom, settings.Small));
            bursts.Add(await BurstAsync(guest, PhaseKind.HostIsFull, settings.Moving));
        }

        say.Line($"raw: the guest can use it after {Distribution.Of(bursts.Select(b => b.UsableMs)).Text("ms")}");
        return bursts;
    }

    private async Task<RawBurst> BurstAsync(MeasuredGuest guest, PhaseKind kind, MemorySize size)
    {
        await guest.RestAsync(Rest);
        var had = await guest.ReportAsync();
        var watch = new BurstWatch(had, size);
        var begun = guest.Now;
        var plugged = (await guest.LookAsync()).Plugged;
        await guest.Load.HoldAsync(size, null, cancellation);
        await guest.Load.WorkAsync(1, cancellation, settings.OperationsPerSecond);
        await guest.Vm.SetPluggedAsync(plugged + size, cancellation);
        double? plug = null;
        await guest.WhenGuestAsync("the burst is served", r =>
        {
            var at = Math.Round(guest.Now - begun, 1);
            if (r.MemTotal >= had.MemTotal + size)
                plug ??= at;
            watch.Take(r, at);
            return plug is not null && watch.UsableMs is not null;
        }, Grain);
        await guest.Load.RestAsync(cancellation);
        await guest.Load.FreeAsync(cancellation);
        await guest.WhenGuestAsync("it has freed all", r => r.Held.IsZero);
        await guest.Vm.SetPluggedAsync(MemorySize.Zero, cancellation);
        await guest.WhenQemuAsync("all is back", s => s.Plugged <= Stays);
        return new(kind, plug!.Value, watch.FirstMs!.Value, watch.UsableMs!.Value);
    }
}
