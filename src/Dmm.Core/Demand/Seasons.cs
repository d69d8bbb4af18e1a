namespace Dmm.Core.Demand;

/// <summary>
/// The past use of a guest by hour of the day and of the week: a peak for each hour. A higher peak replaces the stored one; a lower one is
/// averaged with it. Tells nothing about an hour that it has not seen on an earlier day.
/// </summary>
public sealed class Seasons
{
    public const int HoursOfWeek = 168;

    private readonly MemorySize[] _daily = new MemorySize[24];
    private readonly MemorySize[] _weekly = new MemorySize[HoursOfWeek];
    private readonly long[] _dailyDays = NewNever(24);
    private readonly long[] _weeklyDays = NewNever(HoursOfWeek);
    private MemorySize _peak;
    private long _hour = long.MinValue;
    private long _first = long.MaxValue;

    public void Learn(MemorySize used, DateTimeOffset wall)
    {
        var hour = HourOf(wall);
        if (hour != _hour)
        {
            if (_hour != long.MinValue)
                Close(_hour, _peak);
            (_hour, _peak) = (hour, used);
            _first = Math.Min(_first, hour);
        }

        _peak = MemorySize.Max(_peak, used);
    }

    /// <summary>The most that is expected in this hour and the next, from those of earlier days; zero where nothing is known.</summary>
    public MemorySize Expected(DateTimeOffset wall)
    {
        var hour = HourOf(wall);
        return MemorySize.Max(ExpectedOf(hour), ExpectedOf(hour + 1));
    }

    /// <summary>All peaks, rounded up to MiB.</summary>
    public SeasonsRecord Remember() => new(
        _first == long.MaxValue ? null : _first, Math.Max(0, _hour), MiB(_peak), [.. _daily.Select(MiB)], [.. _dailyDays],
        [.. _weekly.Select((size, week) => _weeklyDays[week] < 0 ? -1 : MiB(size))]);

    /// <summary>Takes up what was remembered. What was learnt since, in this hour, stays.</summary>
    public void Recall(SeasonsRecord record)
    {
        if (record.First is not { } first)
            return;
        for (var day = 0; day < _daily.Length; day++)
        {
            if (_dailyDays[day] < record.DailyDays[day])
                (_daily[day], _dailyDays[day]) = (MemorySize.FromMiB(record.DailyMiB[day]), record.DailyDays[day]);
        }

        for (var week = 0; week < HoursOfWeek; week++)
        {
            if (_weeklyDays[week] < 0 && record.WeeklyMiB[week] >= 0)
                (_weekly[week], _weeklyDays[week]) = (MemorySize.FromMiB(record.WeeklyMiB[week]), 0);
        }

        _first = Math.Min(_first, first);
        var peak = MemorySize.FromMiB(record.PeakMiB);
        if (_hour == long.MinValue)
            (_hour, _peak) = (record.Hour, peak);
        else if (_hour == record.Hour)
            _peak = MemorySize.Max(_peak, peak);
        else
            Close(record.Hour, peak);
    }

    private static long MiB(MemorySize size) => size.RoundUp(MemorySize.FromMiB(1)).Bytes >> 20;

    private MemorySize ExpectedOf(long hour)
    {
        // With a week's history, weekdays are told apart; before that, all days count as alike.
        var (week, day) = ((int)(hour % HoursOfWeek), (int)(hour % 24));
        return hour - _first >= HoursOfWeek && _weeklyDays[week] >= 0 ? _weekly[week]
            : _dailyDays[day] >= 0 && _dailyDays[day] < hour / 24 ? _daily[day]
            : MemorySize.Zero;
    }

    private void Close(long hour, MemorySize peak)
    {
        var (week, day) = ((int)(hour % HoursOfWeek), (int)(hour % 24));
        _daily[day] = Blend(_daily[day], _dailyDays[day], peak);
        _weekly[week] = Blend(_weekly[week], _weeklyDays[week], peak);
        (_dailyDays[day], _weeklyDays[week]) = (hour / 24, hour / 24);
    }

    /// <summary>Returns the new peak of an hour: a higher peak replaces the old one; a lower one is averaged with it.</summary>
    private static MemorySize Blend(MemorySize before, long day, MemorySize peak) =>
        day < 0 || peak >= before ? peak : (before + peak).Scale(0.5);

    /// <summary>Returns the hour since 1970, not below 0: a host whose clock is not set may show a time before 1970.</summary>
    private static long HourOf(DateTimeOffset wall) => Math.Max(0, (long)Math.Floor((wall - DateTimeOffset.UnixEpoch).TotalHours));

    private static long[] NewNever(int length)
    {
        var days = new long[length];
        Array.Fill(days, -1);
        return days;
    }
}
