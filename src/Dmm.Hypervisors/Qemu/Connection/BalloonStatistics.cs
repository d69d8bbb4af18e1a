using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// The statistics of a guest without an agent, reported by its balloon driver in whole seconds: sizes, faults and swap traffic. Every
/// figure comes from the guest and is limited as the agent's figures are (<see cref="SampleBounds"/>); invalid answers are ignored.
/// Source: QEMU, docs/interop/virtio-balloon-stats; VIRTIO 1.2, 5.5.6.3.
/// </summary>
public sealed class BalloonStatistics(QmpClient qmp, string balloonPath, TimeProvider time)
{
    private const int PageSize = 4096;
    private const string Interval = "guest-stats-polling-interval";

    /// <summary>Statistics that may be older than three periods plus this are not used as present ones.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1);

    private TimeSpan _maxAge;
    private long _lastUpdate;
    private SampleBounds? _bounds;
    private long? _boundAt;
    private Moment _lookedAt;

    /// <summary>Tells the guest to report its statistics every <paramref name="period"/> from now on.</summary>
    public Task EnableAsync(TimeSpan period, CancellationToken cancellation)
    {
        _maxAge = Slack + (3 * period);
        return SetPeriodAsync((long)period.TotalSeconds, cancellation);
    }

    /// <summary>Sets how often the guest reports its statistics.</summary>
    /// <param name="seconds">Zero: never.</param>
    public Task SetPeriodAsync(long seconds, CancellationToken cancellation) => qmp.ExecuteAsync(
        "qom-set", new JsonObject { ["path"] = balloonPath, ["property"] = Interval, ["value"] = seconds }, cancellation);

    /// <summary>Reads how often a guest reports its statistics, in seconds.</summary>
    /// <returns>Zero: never. Null where QEMU does not say.</returns>
    public static async Task<long?> PeriodAsync(QmpClient qmp, string balloonPath, CancellationToken cancellation)
    {
        try
        {
            var get = new JsonObject { ["path"] = balloonPath, ["property"] = Interval };
            var answer = await qmp.ExecuteAsync("qom-get", get, cancellation).ConfigureAwait(false);
            return answer.ValueKind == JsonValueKind.Number && answer.TryGetInt64(out var seconds) && seconds >= 0 ? seconds : null;
        }
        catch (QmpRefusedException)
        {
            return null;
        }
    }

    /// <remarks>
    /// QEMU keeps the last report, even through a restart of the guest, and stamps it with the host's time of day. That clock may have
    /// been set since, so the stamp does not tell the report's age. But a report that was not there at a recent reading has come in
    /// between.
    /// </remarks>
    /// <returns>Null while the guest has reported nothing new.</returns>
    public async Task<GuestSample?> ReadNewAsync(MemorySize limit, CancellationToken cancellation)
    {
        var answer = await qmp.ExecuteAsync(
            "qom-get", new JsonObject { ["path"] = balloonPath, ["property"] = "guest-stats" }, cancellation).ConfigureAwait(false);
        // The stamp is in seconds of the host's time of day, which may have been set to before 1970.
        var stamp = QmpJson.MemberOf(answer, "last-update");
        var update = stamp.ValueKind == JsonValueKind.Number && stamp.TryGetInt64(out var seconds) ? seconds : 0;
        var now = Clocks.MomentOf(time);
        var isNew = update != 0 && update != _lastUpdate && now - _lookedAt <= _maxAge;
        (_lastUpdate, _lookedAt) = (update, now);
        if (!isNew || Read(QmpJson.MemberOf(answer, "stats"), now, limit) is not { } sample)
            return null;
        _bounds ??= new SampleBounds(limit);
        var elapsed = _boundAt is { } last ? time.GetElapsedTime(last) : TimeSpan.Zero;
        _boundAt = time.GetTimestamp();
        return _bounds.Bound(sample, elapsed);
    }

    /// <returns>Null where the guest's driver does not even report total and free memory.</returns>
    public static GuestSample? Read(JsonElement stats, Moment at, MemorySize limit)
    {
        if (Size("stat-total-memory", limit) is not { } total || Size("stat-free-memory", total) is not { } free)
            return null;
        // Linux reports available memory since 4.6 and its caches since 4.16. Where only the caches are reported, half of them count as
        // available: some are dirty, or tmpfs.
        var caches = Size("stat-disk-caches", total);
        var available = Size("stat-available-memory", total) ?? (caches is { } c ? MemorySize.Min(free + c.Scale(0.5), total) : null);
        var half = caches?.Scale(0.5) ?? MemorySize.Zero;
        return new GuestSample
        {
            At = at,
            Source = SampleSource.BalloonStatistics,
            MemTotal = total,
            MemFree = free,
            MemAvailable = available ?? MemorySize.Zero,
            TellsUse = available is not null,

            // It is not known which half is in use.
            ActiveFile = half,
            InactiveFile = half,
            MajorFaults = Count("stat-major-faults") ?? 0,
            SwapIns = Count("stat-swap-in") / PageSize ?? 0,
            SwapOuts = Count("stat-swap-out") / PageSize ?? 0,
        };

        MemorySize? Size(string name, MemorySize most) =>
            Count(name) is { } bytes ? MemorySize.Min(new(bytes), most) : null;

        long? Count(string name) => QmpJson.CountOrNull(stats, name);
    }
}
