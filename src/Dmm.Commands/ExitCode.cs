namespace Dmm.Commands;

/// <summary>What the command tells its shell. Stable.</summary>
public static class ExitCode
{
    public const int Done = 0;

    /// <summary>Refused by the daemon, or failed.</summary>
    public const int Failed = 1;

    /// <summary>Used wrongly: a bad argument, size, name or spec; nothing was changed.</summary>
    public const int Usage = 2;

    /// <summary>The daemon was not reached, or went away before it answered.</summary>
    public const int Unreachable = 3;

    /// <summary>128 + SIGINT and 128 + SIGTERM, as shells have it.</summary>
    public const int Interrupted = 130;
    public const int Terminated = 143;
}
