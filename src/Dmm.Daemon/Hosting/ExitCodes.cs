namespace Dmm.Daemon.Hosting;

/// <summary>What dmmd tells whoever started it. Stable.</summary>
public static class ExitCodes
{
    /// <summary>It could not start, or could not go on; trying again may help.</summary>
    public const int Failed = 1;

    /// <summary>A setting or an argument can't be.</summary>
    public const int Usage = 2;

    /// <summary>The journal is corrupt: a person must look at it first, trying again does not help (config/dmmd.service).</summary>
    public const int JournalCorrupt = 3;
}
