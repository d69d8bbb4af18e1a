using Dmm.Benchmarks.Figures;
using Dmm.Core;
using Dmm.Core.Ports;

namespace Dmm.Benchmarks.Mechanisms;

/// <summary>Moves a real guest's memory up and down through the driver, and measures everything that the lab has a delay for.</summary>
/// <param name="append">Kernel options in addition to those that users' guests boot with.</param>
internal sealed class MechanismsRun(int rounds, string append, Say say, CancellationToken cancellation)
{
    private static readonly int[] PlugMib = [128, 512, 1024, 2048, 4096];
    private static readonly int[] BalloonMib = [32, 128, 256, 512];
    private static readonly MemorySize Low = MemorySize.FromMiB(64);
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(400);
    /// <summary>
    /// The pause between two looks: polling a guest with one processor without a pause would take time from its load, and so change the
    /// result.
    /// </summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(15);

    private static readonly TimeSpan AgentCalms = TimeSpan.FromSeconds(2.5);

    /// <summary>A few blocks stay in the kernel's zone after all memory is unplugged.</summary>
    private static readonly MemorySize Stays = MemorySize.FromMiB(32);

    private readonly List<Movement> _plug = [], _plugShown = [], _unplug = [], _inflate = [], _deflate = [];
    private readonly List<double> _hearing = [], _burstHeard = [], _confirm = [], _sampleAfter = [];

    public async Task<MechanismMeasures> RunAsync()
    {
        say.Line($"boots a guest of 1 GiB");
        await using (var guest = await MeasuredGuest.LaunchAsync(MemorySize.FromMiB(1024), MemorySize.FromGiB(16), append, cancellation))
        {
            for (var round = 1; round <= rounds; round++)
            {
                foreach (var mib in PlugMib)
                    await PlugAsync(guest, mib);
                foreach (var mib in BalloonMib)
                    await BalloonAsync(guest, mib);
                say.Line(
                    $"round {round} of {rounds}: 4 GiB plugged in {_plug[^1].Ms:0} ms, unplugged in {_unplug[^1].Ms:0}; 512 MiB "
                        + $"inflated in {_inflate[^1].Ms:0} ms, deflated in {_deflate[^1].Ms:0}");
            }

            for (var round = 1; round <= rounds; round++)
                await LongShrinkAsync(guest);
        }

        say.Line($"boots a guest of 256 MiB, to measure how fast its need is heard");
        await using (var guest = await MeasuredGuest.LaunchAsync(
            MemorySize.FromMiB(256), MemorySize.FromGiB(2), $"dmm.zram=256M {append}", cancellation))
        {
            for (var round = 1; round <= 2 * rounds; round++)
                await HearAsync(guest);
            say.Line(
                $"need was heard after {Distribution.Of(_hearing).Text("ms")}; a burst from rest "
                    + $"after {Distribution.Of(_burstHeard).Text("ms")}");
        }

        return new(_plug, _plugShown, _unplug, _inflate, _deflate, _hearing, _burstHeard, _confirm, _sampleAfter);
    }

    private async Task PlugAsync(MeasuredGuest guest, int mib)
    {
        await guest.RestAsync(Rest);
        var size = MemorySize.FromMiB(mib);
        var (before, had) = (await guest.LookAsync(), (await guest.ReportAsync()).MemTotal);
        var begun = guest.Now;
        await guest.Vm.SetPluggedAsync(before.Plugged + size, cancellation);
        var shown = guest.WhenQemuAsync($"{size} are plugged", s => s.Plugged >= before.Plugged + size);
        var seen = await guest.WhenGuestAsync($"the guest sees {size} more", r => r.MemTotal >= had + size);
        _plugShown.Add(new(mib, Math.Round(await shown - begun, 2)));
        _plug.Add(new(mib, Math.Round(Math.Max(seen, await shown) - begun, 2)));
        await SampleAfterAsync(guest, Math.Max(seen, await shown));

        await guest.RestAsync(Rest);
        begun = guest.Now;
        await guest.Vm.SetPluggedAsync(MemorySize.Zero, cancellation);
        var back = await guest.WhenQemuAsync($"{size} are back", s => s.Plugged <= Stays);
        _unplug.Add(new(mib, Math.Round(back - begun, 2)));
    }

    private async Task BalloonAsync(MeasuredGuest guest, int mib)
    {
        await guest.RestAsync(Rest);
        var size = MemorySize.FromMiB(mib);
        var begun = guest.Now;
        await guest.Vm.SetBalloonedAsync(size, cancellation);
        var taken = await guest.WhenQemuAsync($"the balloon has {size}", s => s.Ballooned >= size);
        _inflate.Add(new(mib, Math.Round(taken - begun, 2)));
        await SampleAfterAsync(guest, taken);

        await guest.RestAsync(Rest);
        begun = guest.Now;
        await guest.Vm.SetBalloonedAsync(MemorySize.Zero, cancellation);
        _deflate.Add(new(mib, Math.Round(await guest.WhenQemuAsync($"{size} are given back", s => s.Ballooned.IsZero) - begun, 2)));
    }

    /// <summary>Measures from a movement's end to the sample that lets the state machine go on. The driver asks for that sample.</summary>
    private async Task SampleAfterAsync(MeasuredGuest guest, double moved)
    {
        IReadOnlyList<(double At, VmObservation.Sample What)> after = [];
        await Wait.UntilAsync(
            "a sample after a movement", () => Task.FromResult((after = guest.SeenSince<VmObservation.Sample>(moved)).Count > 0),
            TimeSpan.FromSeconds(20), cancellation);
        _sampleAfter.Add(Math.Round(after[0].At - moved, 2));
    }

    /// <summary>
    /// Measures how often the driver confirms a shrink that takes long: each step frees memory for another VM that waits for it.
    /// </summary>
    private async Task LongShrinkAsync(MeasuredGuest guest)
    {
        await guest.RestAsync(Rest);
        var size = MemorySize.FromMiB(640);
        var begun = guest.Now;
        await guest.Vm.SetBalloonedAsync(size, cancellation);
        await guest.WhenQemuAsync($"the balloon has {size}", s => s.Ballooned >= size.Scale(0.98));
        double[] told = [begun, .. guest.SeenSince<VmObservation.Sizes>(begun).Select(s => s.At)];
        _confirm.AddRange(told.Zip(told.Skip(1), (a, b) => Math.Round(b - a, 2)));
        await guest.Vm.SetBalloonedAsync(MemorySize.Zero, cancellation);
        await guest.WhenQemuAsync("all is given back", s => s.Ballooned.IsZero);
    }

    /// <summary>
    /// A calm guest takes memory as fast as it can. Its own program reports how much is available. The time counts from the last report
    /// that still shows enough, the earliest moment at which the need could have begun, so that the measured time is never too short.
    /// </summary>
    private async Task HearAsync(MeasuredGuest guest)
    {
        await Task.Delay(AgentCalms, cancellation);
        var available = (await guest.ReportAsync()).MemAvailable;
        var begun = guest.Now;
        var enough = begun;
        await guest.Load.HoldAsync(available.MinusOrZero(Low.Scale(0.4)), null, cancellation);
        while ((await guest.ReportAsync()).MemAvailable >= Low && guest.Now - begun < 20_000)
        {
            enough = guest.Now;
            await Task.Delay(Look, cancellation);
        }

        (double At, VmObservation.Sample What)? heard = null;
        await Wait.UntilAsync(
            "the agent calls",
            () =>
            {
                heard = guest.SeenSince<VmObservation.Sample>(begun).Where(s => s.What.Value.MemAvailable < Low)
                    .Select(s => ((double, VmObservation.Sample)?)s).FirstOrDefault();
                return Task.FromResult(heard is not null);
            },
            TimeSpan.FromSeconds(20), cancellation, pause: TimeSpan.FromMilliseconds(2));
        _hearing.Add(Math.Round(Math.Max(0, heard!.Value.At - enough), 2));
        _burstHeard.Add(Math.Round(heard.Value.At - begun, 2));
        await guest.Load.FreeAsync(cancellation);
        await guest.WhenGuestAsync("it has freed all", r => r.Held.IsZero);
    }
}
