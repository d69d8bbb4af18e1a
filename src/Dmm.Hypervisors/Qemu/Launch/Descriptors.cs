using System.Runtime.InteropServices;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Keeps this process's open files from its children. .NET opens files so that they are closed on exec, but files that the daemon itself
/// inherited (a pipe of its starter) would stay open in every VM. A program that waits for the end of that pipe would then wait for the
/// VMs.
/// </summary>
internal static class Descriptors
{
    // Linux, close_range(2).
    private const uint FirstAfterStandard = 3;
    private const int CloseOnExec = 4;

    /// <returns>False where the kernel does not support it (before Linux 5.11).</returns>
    public static bool CloseAllOnExec()
    {
        try
        {
            return CloseRange(FirstAfterStandard, uint.MaxValue, CloseOnExec) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "close_range")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int CloseRange(uint first, uint last, int flags);
}
