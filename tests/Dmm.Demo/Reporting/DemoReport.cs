using System.Text.Json;
using System.Text.Json.Serialization;
using Dmm.Core;

namespace Dmm.Demo.Reporting;

/// <summary>
/// <c>report.json</c>: sizes in bytes, seconds since the story's beginning. It is always written, so that a failed run leaves as much
/// information as a successful one.
/// </summary>
public sealed record DemoReport
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public required bool Passed { get; init; }

    /// <summary>The reason why the story was not completed; null if it was.</summary>
    public required string? Fault { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required double Seconds { get; init; }
    public required long GuestsBudgetBytes { get; init; }
    public required IReadOnlyList<Check> Checks { get; init; }
    public required IReadOnlyList<GuestSummary> Guests { get; init; }
    public required IReadOnlyList<StoryMoment> Story { get; init; }
    public required IReadOnlyList<TimelinePoint> Timeline { get; init; }

    public static DemoReport Of(
        DateTimeOffset startedAt, TimeSpan took, MemorySize budget, string? fault, IReadOnlyList<Check> checks, Timeline timeline) => new()
        {
            Passed = fault is null && checks.Count > 0 && checks.All(c => c.Passed),
            Fault = fault,
            StartedAt = startedAt,
            Seconds = Math.Round(took.TotalSeconds, 1),
            GuestsBudgetBytes = budget.Bytes,
            Checks = checks,
            Guests = [.. timeline.Samples.GroupBy(s => s.Vm).Select(GuestSummary.Of)],
            Story = [.. timeline.Story.Select(s => new StoryMoment(SecondsOf(s.At), s.Text))],
            Timeline = [.. timeline.Samples.Select(TimelinePoint.Of)],
        };

    public void Write(string file) => File.WriteAllText(file, JsonSerializer.Serialize(this, Json) + "\n");

    internal static double SecondsOf(TimeSpan at) => Math.Round(at.TotalSeconds, 3);
}

public sealed record StoryMoment(double AtSeconds, string Text);

/// <summary>The figures of one guest; peaks and lows are over the whole run.</summary>
public sealed record GuestSummary
{
    public required string Name { get; init; }
    public required long BootBytes { get; init; }
    public required long PeakGuestMemTotalBytes { get; init; }
    public required long PeakPluggedBytes { get; init; }
    public required long PeakBalloonedBytes { get; init; }
    public required long PeakActualBytes { get; init; }
    public required long LowestActualBytes { get; init; }
    public required long PeakHeldBytes { get; init; }
    public required long PeakOperationsPerSecond { get; init; }
    public required long OomKills { get; init; }

    public static GuestSummary Of(IGrouping<string, Sample> samples) => new()
    {
        Name = samples.Key,
        BootBytes = samples.First().Qemu.Base.Bytes,
        PeakGuestMemTotalBytes = samples.Max(s => s.Load?.MemTotal.Bytes ?? 0),
        PeakPluggedBytes = samples.Max(s => s.Qemu.Plugged.Bytes),
        PeakBalloonedBytes = samples.Max(s => s.Qemu.Ballooned.Bytes),
        PeakActualBytes = samples.Max(s => s.Qemu.Actual.Bytes),
        LowestActualBytes = samples.Min(s => s.Qemu.Actual.Bytes),
        PeakHeldBytes = samples.Max(s => s.Load?.Held.Bytes ?? 0),
        PeakOperationsPerSecond = samples.Max(s => s.Load?.OperationsPerSecond ?? 0),
        OomKills = samples.Max(s => s.Load?.OomKills ?? 0),
    };
}

/// <summary>A guest at one moment. Values from the guest are null until its first report.</summary>
public sealed record TimelinePoint
{
    public required double AtSeconds { get; init; }
    public required string Vm { get; init; }
    public required long BaseBytes { get; init; }
    public required long PluggedBytes { get; init; }
    public required long BalloonedBytes { get; init; }
    public required long ActualBytes { get; init; }
    public long? GuestMemTotalBytes { get; init; }
    public long? GuestMemAvailableBytes { get; init; }
    public long? HeldBytes { get; init; }
    public long? OperationsPerSecond { get; init; }

    public static TimelinePoint Of(Sample sample) => new()
    {
        AtSeconds = DemoReport.SecondsOf(sample.At),
        Vm = sample.Vm,
        BaseBytes = sample.Qemu.Base.Bytes,
        PluggedBytes = sample.Qemu.Plugged.Bytes,
        BalloonedBytes = sample.Qemu.Ballooned.Bytes,
        ActualBytes = sample.Qemu.Actual.Bytes,
        GuestMemTotalBytes = sample.Load?.MemTotal.Bytes,
        GuestMemAvailableBytes = sample.Load?.MemAvailable.Bytes,
        HeldBytes = sample.Load?.Held.Bytes,
        OperationsPerSecond = sample.Load?.OperationsPerSecond,
    };
}
