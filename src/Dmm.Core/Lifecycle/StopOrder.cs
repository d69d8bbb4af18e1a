namespace Dmm.Core.Lifecycle;

/// <summary>An operator's order to end a VM.</summary>
/// <param name="Grace">How long its guest may take to power down, counted from when it is asked.</param>
/// <param name="Kill">Whether its process is ended after that; otherwise it runs on, and operators are told.</param>
public sealed record StopOrder(TimeSpan Grace, bool Kill)
{
    public bool AtOnce => Kill && Grace <= TimeSpan.Zero;
}
