using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// What a guest without an agent tells through its balloon driver, in whole seconds: sizes, faults and swap traffic. Every figure comes
/// from the guest and is bounded as the agent's are (<see cref="SampleBounds"/>); answers that make no sense tell nothing. Source: QEMU,
/// docs/interop/virtio-balloon-stats; VIRTIO 1.2, 5.5.6.3.
/// </summary>
public sealed class BalloonStatistics(QmpClient qmp, string balloonPath, TimeProvider time)
{
    private const int PageSize = 4096;

    /// <summary>What may be older than three periods and this says nothing of now.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1);

    private TimeSpan _maxAge;
    private long _lastUpdate;
    private SampleBounds? _bounds;
    private long? _boundAt;
    private Moment _lookedAt;

    /// <summary>Asks the guest to tell its statistics every <paramref name="period"/> from now on.</summary>
    public Task EnableAsync(TimeSpan period, CancellationToken cancellation)
    {
        _maxAge = Slack + (3 * period);
        return qmp.ExecuteAsync(
            "qom-set",
            new JsonObject { ["path"] = balloonPath, ["property"] = "guest-stats-polling-interval", ["value"] = (long)period.TotalSeconds },
            cancellation);
    }

    /// <remarks>
    /// QEMU keeps the last telling, also through a restart of the guest, and stamps it with the host's time of day, which may have been set
    /// since: how old it is, the stamp does not say. One that was not there at the last look, not long ago, has come in between.
    /// </remarks>
    /// <returns>Null while the guest has told nothing new.</returns>
    public async Task<GuestSample?> ReadNewAsync(MemorySize limit, CancellationToken cancellation)
    {
        var answer = await qmp.ExecuteAsync(
            "qom-get", new JsonObject { ["path"] = balloonPath, ["property"] = "guest-stats" }, cancellation).ConfigureAwait(false);
        // Seconds by the host's time of day, which may have been set to before 1970.
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

    /// <returns>Null where the guest's driver does not tell even total and free memory.</returns>
    public static GuestSample? Read(JsonElement stats, Moment at, MemorySize limit)
    {
        if (Size("stat-total-memory", limit) is not { } total || Size("stat-free-memory", total) is not { } free)
            return null;
        // Linux tells what is available since 4.6 and its caches since 4.16. Where only the latter is told, half of it is thought to be
        // had: some is dirty, or tmpfs.
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

            // Nobody tells which half is used.
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
