using System.Collections.Immutable;

namespace Dmm.Core.Demand;

/// <summary>
/// What a model has learnt of its VM, in a few KiB, so that the next daemon's model goes on from there. It may be lost at any time: then
/// the VM is learnt anew. Sizes and ages are as of <see cref="At"/>. What is over after some seconds (a trend, a stall) is not in it.
/// </summary>
public sealed record ModelRecord
{
    /// <summary>The version of records that this release writes; it reads no other.</summary>
    public const int PresentVersion = 1;

    public int Version { get; init; } = PresentVersion;

    public required VmId Vm { get; init; }

    /// <summary>The host's time of day when the record was made.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>How much the VM held when its first model began; zero where that does not count.</summary>
    public MemorySize Began { get; init; }

    /// <summary>The last level of use, without unused page cache. It counts as used until the next sample.</summary>
    public MemorySize Level { get; init; }

    public required HistogramRecord Use { get; init; }

    public required SeasonsRecord Seasons { get; init; }

    public required FloorRecord Floor { get; init; }

    /// <summary>The page cache that is really used; null where nobody can tell.</summary>
    public MemorySize? Cache { get; init; }

    /// <summary>The swapped-out memory, and the part of it that is missed.</summary>
    public MemorySize SwappedOut { get; init; }

    public MemorySize Missed { get; init; }

    /// <summary>The mean error of the forecast, in bytes.</summary>
    public double ErrorBytes { get; init; }

    /// <summary>The part of the time in which the guest lately stood still for lack of memory, 0 to 1.</summary>
    public double Harm { get; init; }

    /// <exception cref="FormatException">A figure is not one that a model writes.</exception>
    internal void Check()
    {
        Require(Version == PresentVersion, $"its version is {Version}, not {PresentVersion}");
        Require(Use is not null && Seasons is not null && Floor is not null, "a part is missing");
        Use!.Check();
        Seasons!.Check();
        Require(IsSize(Began) && IsSize(Level) && IsSize(Cache ?? default) && IsSize(SwappedOut) && IsSize(Missed), "a size is too large");
        Require(IsSize(Floor!.Floor) && IsSize(Floor.Before) && IsSize(Floor.Actual), "a size of the floor is too large");
        Require(ErrorBytes >= 0 && ErrorBytes <= MemorySize.MostThereIs.Bytes, $"its mean error is {ErrorBytes} bytes");
        Require(Harm is >= 0 and <= 1, $"its harm is {Harm}, not 0 to 1");
    }

    internal static void Require(bool well, string otherwise)
    {
        if (!well)
            throw new FormatException(otherwise);
    }

    private static bool IsSize(MemorySize size) => size <= MemorySize.MostThereIs;
}

/// <summary>The buckets of a <see cref="DecayingHistogram"/> that are not empty, in order, and the weight of each in seconds.</summary>
public sealed record HistogramRecord(ImmutableArray<int> Buckets, ImmutableArray<double> Seconds)
{
    internal void Check()
    {
        ModelRecord.Require(!Buckets.IsDefault && !Seconds.IsDefault && Buckets.Length == Seconds.Length, "buckets without weights");
        var last = -1;
        foreach (var bucket in Buckets)
        {
            ModelRecord.Require(bucket > last && bucket < DecayingHistogram.Buckets, $"bucket {bucket} after {last}");
            last = bucket;
        }

        // A weight that no real time could have: it would outweigh all that is learnt later.
        ModelRecord.Require(Seconds.All(static s => s is > 0 and < 1e9), "a weight is not a number of seconds");
    }
}

/// <summary>The peaks of <see cref="Seasons"/>, in MiB, and the day since 1970 on which each hour was last seen; -1: never.</summary>
/// <param name="First">The first hour since 1970 that was seen; null: none yet.</param>
/// <param name="Hour">The hour under way, and its peak so far.</param>
public sealed record SeasonsRecord(
    long? First, long Hour, long PeakMiB, ImmutableArray<long> DailyMiB, ImmutableArray<long> DailyDays, ImmutableArray<long> WeeklyMiB)
{
    internal void Check()
    {
        ModelRecord.Require(
            !DailyMiB.IsDefault && !DailyDays.IsDefault && !WeeklyMiB.IsDefault && DailyMiB.Length == 24 && DailyDays.Length == 24
                && WeeklyMiB.Length == Demand.Seasons.HoursOfWeek,
            "not the hours of a day and of a week");
        var most = (long)MemorySize.MostThereIs.Mebibytes;
        ModelRecord.Require(
            First is null or >= 0 && Hour >= 0 && PeakMiB >= 0 && PeakMiB <= most && DailyMiB.All(mib => mib >= 0 && mib <= most)
                && DailyDays.All(static day => day is >= -1 and < 10_000_000) && WeeklyMiB.All(mib => mib >= -1 && mib <= most),
            "an hour or its peak is out of range");
    }
}

/// <summary>The lesson of shrinks that hurt (<see cref="ShrinkFloor"/>).</summary>
/// <param name="Before">The size before the last shrink; zero where there was none.</param>
/// <param name="ShrunkAgo">How long ago that was; null where it does not matter any more.</param>
/// <param name="Actual">The last size.</param>
public sealed record FloorRecord(MemorySize Floor, MemorySize Before, TimeSpan? ShrunkAgo, MemorySize Actual);
