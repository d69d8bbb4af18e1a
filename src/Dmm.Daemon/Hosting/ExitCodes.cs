namespace Dmm.Daemon.Hosting;

/// <summary>The exit codes of dmmd. They are stable.</summary>
public static class ExitCodes
{
    /// <summary>The daemon could not start, or could not go on. Another try may help.</summary>
    public const int Failed = 1;

    /// <summary>A setting or an argument is not valid.</summary>
    public const int Usage = 2;

    /// <summary>The journal is corrupt: a person must look at it first, another try does not help (config/dmmd.service).</summary>
    public const int JournalCorrupt = 3;
}
