namespace Dmm.Core.Lifecycle;

/// <summary>The back-off of VMs that return, settings <c>dmm.vm.return-*</c>.</summary>
public sealed record ReturnSettings
{
    /// <summary>The first wait from a VM's end to its return. The wait doubles each time, up to <see cref="Max"/>.</summary>
    public TimeSpan Min { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan Max { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A VM that ran for this long after its guest was first heard from starts again with the first wait.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a VM that returns waits for its memory before it gives way and tries again later.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>The state of a VM that is remembered after its end.</summary>
/// <param name="ReturnAt">When DMM asks for it again; null: not before an operator starts it.</param>
/// <param name="Tries">Returns since it last ran well, this one included.</param>
public sealed record Rest(Moment? ReturnAt, int Tries);

/// <summary>Decides whether, and when, a VM that has ended is created again. Pure.</summary>
public static class Returns
{
    /// <param name="unwanted">An operator has stopped it and not started it since.</param>
    /// <param name="tries">Returns since it last ran well; null in its first run.</param>
    /// <param name="ran">How long it ran from when its guest was first heard from; null where the guest was not heard from.</param>
    /// <returns>Null: the VM is forgotten.</returns>
    public static Rest? After(
        RestartPolicy policy, EndCause cause, bool unwanted, int? tries, TimeSpan? ran, ReturnSettings settings, Moment now)
    {
        // It did not end by itself, so no policy counts, and it does not wait longer than before. The drain's end tells when it returns.
        if (cause == EndCause.Drained)
            return new(null, ran >= settings.CalmAfter ? 0 : tries ?? 0);
        if (policy == RestartPolicy.Never)
            return null;
        if (unwanted || cause == EndCause.MigratedAway || cause == EndCause.Stopped
            || (cause == EndCause.PoweredDown && policy == RestartPolicy.OnFailure))
            return new(null, 0);
        var before = ran >= settings.CalmAfter ? 0 : tries ?? 0;
        // A restart of its host is not the VM's own fault.
        return cause == EndCause.HostRestarted ? new(now, before)
            : new(now + new GrowingWait(settings.Min, settings.Max).After(before), before + 1);
    }
}
