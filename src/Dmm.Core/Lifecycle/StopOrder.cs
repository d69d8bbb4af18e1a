namespace Dmm.Core.Lifecycle;

/// <summary>An operator wants a VM to end.</summary>
/// <param name="Grace">How long its guest may take to power down, counted from when it is asked.</param>
/// <param name="Kill">Whether its process is ended then; otherwise it runs on, and that is said.</param>
public sealed record StopOrder(TimeSpan Grace, bool Kill)
{
    public bool AtOnce => Kill && Grace <= TimeSpan.Zero;
}
