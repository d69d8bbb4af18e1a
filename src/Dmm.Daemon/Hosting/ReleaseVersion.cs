namespace Dmm.Daemon.Hosting;

/// <summary>The release of this daemon: major, minor and patch, such as 1.2.3.</summary>
public static class ReleaseVersion
{
    public static string Text { get; } = typeof(ReleaseVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
