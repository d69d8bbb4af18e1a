namespace Dmm.Core.Lifecycle;

/// <summary>The back-off of VMs that return, settings <c>dmm.vm.return-*</c>.</summary>
public sealed record ReturnSettings
{
    /// <summary>First and longest wait from a VM's end to its return; it doubles in between.</summary>
    public TimeSpan Min { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan Max { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A VM that ran for so long, from when its guest was heard of, begins with the first wait again.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a VM that returns waits for its memory before it steps back and tries again later.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>What becomes of a VM that is remembered after its end.</summary>
/// <param name="ReturnAt">When it is asked for again; null: when an operator starts it.</param>
/// <param name="Tries">Returns since it last ran well, this one included.</param>
public sealed record Rest(Moment? ReturnAt, int Tries);

/// <summary>Whether, and when, a VM that has ended is created anew. Pure.</summary>
public static class Returns
{
    /// <param name="unwanted">An operator has stopped it and not started it since.</param>
    /// <param name="tries">Returns since it last ran well; null in its first life.</param>
    /// <param name="ran">From when its guest was heard of; null where it was not.</param>
    /// <returns>Null: it is forgotten.</returns>
    public static Rest? After(
        RestartPolicy policy, EndCause cause, bool unwanted, int? tries, TimeSpan? ran, ReturnSettings settings, Moment now)
    {
        if (policy == RestartPolicy.Never)
            return null;
        if (unwanted || cause == EndCause.MigratedAway || cause == EndCause.Stopped
            || (cause == EndCause.PoweredDown && policy == RestartPolicy.OnFailure))
            return new(null, 0);
        var before = ran >= settings.CalmAfter ? 0 : tries ?? 0;
        // That its host restarted was no fault of the VM's own.
        return cause == EndCause.HostRestarted ? new(now, before)
            : new(now + new GrowingWait(settings.Min, settings.Max).After(before), before + 1);
    }
}
