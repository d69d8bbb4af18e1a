namespace Dmm.Commands;

/// <summary>The exit codes of the command. They are stable.</summary>
public static class ExitCode
{
    public const int Done = 0;

    /// <summary>The daemon refused the request, or the command failed.</summary>
    public const int Failed = 1;

    /// <summary>The command was used wrongly: a bad argument, size, name or spec. Nothing was changed.</summary>
    public const int Usage = 2;

    /// <summary>The daemon was not reached, or went away before it answered.</summary>
    public const int Unreachable = 3;

    /// <summary>128 + SIGINT and 128 + SIGTERM, as in shells.</summary>
    public const int Interrupted = 130;
    public const int Terminated = 143;
}
