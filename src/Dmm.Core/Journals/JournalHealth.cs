namespace Dmm.Core.Journals;

public enum JournalCondition
{
    /// <summary>It is being read; DMM does not control the host yet.</summary>
    Starting,
    Well,

    /// <summary>Writes succeed, but take long.</summary>
    Slow,

    /// <summary>
    /// A write has not completed for <see cref="JournalHealth.Patience"/>: nothing can be promised until it completes, or fails.
    /// </summary>
    Stalled,

    /// <summary>It can't be written or read; DMM tries again and again.</summary>
    Broken,
}

/// <summary>
/// The health of the host's journal, and the reason. Pure: the actor that supervises the host reports what it saw, and asks whether
/// anything may be promised. People are told of a change of condition once, not of every slow write.
/// </summary>
public sealed record JournalHealth(JournalCondition Condition, Clocks Since, string? Why)
{
    /// <summary>
    /// A write takes half a millisecond, with a busy disk some tens of milliseconds. People should know of a write that takes longer than
    /// this.
    /// </summary>
    public static readonly TimeSpan SlowWrite = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// A write that takes longer than this stalls: callers are then told so, instead of waiting for it. A write that takes a second is
    /// slow, not stalled.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>A journal is called well again when no write was slow for this long.</summary>
    public static readonly TimeSpan Calm = TimeSpan.FromSeconds(10);

    /// <summary>The last time that a write was slow.</summary>
    public Moment? SlowAt { get; private init; }

    /// <summary>Whether a change can be written to the journal now, and so be promised.</summary>
    public bool Writable => Condition is JournalCondition.Well or JournalCondition.Slow;

    /// <summary>One line for people; null where all is well.</summary>
    public string? Problem => Condition switch
    {
        JournalCondition.Well => null,
        JournalCondition.Starting => "the daemon is starting: it reads its journal",
        JournalCondition.Slow => $"the journal has been slow since {Since.Wall:HH:mm:ss}: {Why}",
        JournalCondition.Stalled =>
        $"the journal has stalled since {Since.Wall:HH:mm:ss}: {Why}; nothing new is promised until that ends; the VMs keep their memory",
        _ => $"the journal has been unusable since {Since.Wall:HH:mm:ss}: {Why}; nothing new is promised until that is fixed; the VMs "
            + $"keep their memory",
    };

    public static JournalHealth Starting(Clocks now) => new(JournalCondition.Starting, now, null);

    /// <summary>The journal was read, or read again, to its end.</summary>
    public JournalHealth Read(Clocks now) => Condition is JournalCondition.Slow ? this : new(JournalCondition.Well, now, null);

    /// <summary>A write completed.</summary>
    public JournalHealth Written(Clocks now, TimeSpan took)
    {
        if (took >= SlowWrite)
        {
            var why = $"the last slow write took {took.TotalSeconds:0.0} s";
            return this with
            {
                Condition = JournalCondition.Slow,
                Since = Condition == JournalCondition.Slow ? Since : now,
                Why = why,
                SlowAt = now.Now,
            };
        }

        var calm = SlowAt is null || now.Now - SlowAt >= Calm;
        return Condition == JournalCondition.Well ? this
            : calm ? new(JournalCondition.Well, now, null)
            : this with { Condition = JournalCondition.Slow, Since = Condition == JournalCondition.Slow ? Since : now };
    }

    /// <summary>Looks at the time. A slow write is forgotten after <see cref="Calm"/> even if nothing more is written.</summary>
    /// <param name="writing">The start of the oldest write that is still under way.</param>
    public JournalHealth Look(Clocks now, Clocks? writing) =>
        Writable && writing is { } began && now.Now - began.Now >= Patience
            ? new(JournalCondition.Stalled, began,
                "a write has not finished; another process may hold the file's lock, or the disk is slow")
            { SlowAt = now.Now }
            : Condition == JournalCondition.Slow && writing is null && now.Now - SlowAt >= Calm ? new(JournalCondition.Well, now, null)
            : this;

    /// <summary>A write or a read failed, or the file was changed from outside.</summary>
    public JournalHealth Broke(Clocks now, string why) =>
        new(JournalCondition.Broken, Condition == JournalCondition.Broken ? Since : now, why) { SlowAt = SlowAt };
}
