using System.Collections.Immutable;

namespace Dmm.Core.Journals;

/// <summary>How much history stays in the journal beyond what recovery needs (settings <c>dmm.history</c>).</summary>
/// <param name="Keep">Events younger than this stay …</param>
/// <param name="Most">… unless they are more than this many.</param>
public sealed record HistoryKeep(TimeSpan Keep, long Most)
{
    public static HistoryKeep Default { get; } = new(TimeSpan.FromDays(30), 250_000);
}

/// <summary>All events up to <paramref name="Sequence"/> were written by <paramref name="At"/>.</summary>
public readonly record struct HistoryMark(long Sequence, DateTimeOffset At);

/// <summary>
/// Decides which events may be deleted once a snapshot is saved: events that the snapshot covers and that are older than
/// <see cref="HistoryKeep.Keep"/> or beyond <see cref="HistoryKeep.Most"/>. Pure. The ages come from marks, at most one for each snapshot.
/// The marks are kept in the snapshots and are thinned so that they stay few; so an event is deleted up to a fiftieth of <c>keep</c> later
/// than allowed, never earlier.
/// </summary>
public static class History
{
    private const int Marks = 50;

    /// <summary>
    /// The longest time without marks that counts, as a part of <see cref="HistoryKeep.Keep"/>. If a host was off for longer, or its clock
    /// was set forward by more, it counts as this long.
    /// </summary>
    private const double MostAway = 0.1;

    /// <summary>
    /// Returns the time for the history when a daemon starts; from then on the monotonic clock counts. A clock that is set years forward
    /// must not make all history old at once, and one that is set back must not keep it for ever: ages continue from the last mark.
    /// </summary>
    public static DateTimeOffset Start(ImmutableArray<HistoryMark> marks, DateTimeOffset wall, HistoryKeep keep)
    {
        if (marks.IsEmpty)
            return wall;
        var last = marks[^1].At;
        return wall < last ? last
            : wall - last > keep.Keep * MostAway ? last + (keep.Keep * MostAway)
            : wall;
    }

    /// <summary>Adds a mark of how old the events up to a snapshot are, unless the last mark is near.</summary>
    public static ImmutableArray<HistoryMark> Note(ImmutableArray<HistoryMark> marks, HistoryMark snapshot, HistoryKeep keep) =>
        !marks.IsEmpty && snapshot.At - marks[^1].At < keep.Keep / Marks && snapshot.Sequence - marks[^1].Sequence < keep.Most / Marks
            ? marks
            : marks.Add(snapshot);

    /// <summary>Returns the last event that may be deleted, and the remaining marks; null where none may be deleted.</summary>
    /// <param name="snapshot">The snapshot that is safely on disk: no event after it may be deleted.</param>
    public static (long UpTo, ImmutableArray<HistoryMark> Left)? Delete(
        ImmutableArray<HistoryMark> marks, long snapshot, DateTimeOffset now, HistoryKeep keep)
    {
        var gone = marks.Where(mark => mark.Sequence <= snapshot && (mark.At <= now - keep.Keep || mark.Sequence <= snapshot - keep.Most))
            .ToList();
        if (gone.Count == 0)
            return null;
        var upTo = gone.Max(mark => mark.Sequence);
        return (upTo, [.. marks.Where(mark => mark.Sequence > upTo)]);
    }
}
