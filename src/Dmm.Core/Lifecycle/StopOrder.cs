namespace Dmm.Core.Lifecycle;

/// <summary>An operator's order to end a VM.</summary>
/// <param name="Grace">How long its guest may take to power down, counted from when it is asked.</param>
/// <param name="Kill">Whether its process is ended after that; otherwise it runs on, and operators are told.</param>
public sealed record StopOrder(TimeSpan Grace, bool Kill)
{
    /// <summary>The end of its grace, whenever it is asked; null: the whole grace counts from when it is asked.</summary>
    public Moment? By { get; init; }

    public bool AtOnce => Kill && Grace <= TimeSpan.Zero;

    /// <summary>Returns how long its guest has, if it is asked now; not below zero.</summary>
    public TimeSpan GraceFrom(Moment now) => By is not { } by ? Grace : by > now ? by - now : TimeSpan.Zero;
}
