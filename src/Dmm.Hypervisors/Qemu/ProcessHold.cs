using System.Globalization;
using System.Runtime.InteropServices;
using Dmm.Hypervisors.Linux;
using Microsoft.Win32.SafeHandles;

namespace Dmm.Hypervisors.Qemu;

/// <summary>
/// Holds a process by the kernel's own reference to it (a pidfd), so that looks and signals reach this process and never a later one with
/// the same pid. If the kernel gives no reference (it is too old, or a limit is reached), the start time is compared before each look and
/// signal. Source: pidfd_open(2), pidfd_send_signal(2), poll(2).
/// </summary>
public sealed class ProcessHold : IDisposable
{
    // These numbers are the same on every architecture. Source: Linux, include/uapi/asm-generic/unistd.h.
    private const long PidfdSendSignal = 424;
    private const long PidfdOpen = 434;
    private const int NoSuchProcess = 3;
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private const short PollIn = 1;

    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(20);

    private readonly SafeFileHandle? _fd;

    private ProcessHold(HostProcess process, SafeFileHandle? fd) => (Process, _fd) = (process, fd);

    public HostProcess Process { get; }

    /// <returns>Null where the process is gone.</returns>
    public static ProcessHold? Take(HostProcess process)
    {
        var fd = Syscall(PidfdOpen, process.Pid, 0, 0, 0);
        var handle = fd < 0 ? null : new SafeFileHandle((nint)fd, ownsHandle: true);
        // The start time is checked after the reference was taken: if it is right now, the reference is to the right process.
        if (process.Seen() != ProcessLook.Gone)
            return new(process, handle);
        handle?.Dispose();
        return null;
    }

    /// <summary>Whether any process has this pid, even one that may not be read.</summary>
    public static bool Exists(int pid) => Kill(pid, 0) == 0 || Marshal.GetLastPInvokeError() != NoSuchProcess;

    public ProcessLook Look()
    {
        if (_fd is null)
            return Process.Seen();
        var poll = new PollFd { Fd = (int)_fd.DangerousGetHandle(), Events = PollIn };
        return Poll(ref poll, 1, 0) switch
        {
            < 0 => ProcessLook.Unknown,
            0 => ProcessLook.Runs,
            _ => (poll.Returned & PollIn) != 0 ? ProcessLook.Gone : ProcessLook.Unknown,
        };
    }

    /// <summary>Ends the process at once (SIGKILL).</summary>
    public void Kill() => Signal(SigKill);

    /// <summary>Asks the process to end cleanly (SIGTERM); QEMU treats that like a quit command.</summary>
    public void Terminate() => Signal(SigTerm);

    /// <returns>The last look: gone, or another state at the deadline.</returns>
    public Task<ProcessLook> WaitAsync(TimeSpan deadline, TimeProvider time, CancellationToken cancellation) =>
        WaitAsync(deadline, deadline, time, cancellation);

    /// <summary>
    /// Waits for the end of the process as long as it is busy with its storage, within limits: killing a process that writes outstanding
    /// data to a disk loses that data.
    /// </summary>
    /// <param name="idle">The longest time without storage activity.</param>
    /// <param name="most">The longest time in total.</param>
    public async Task<ProcessLook> WaitAsync(TimeSpan idle, TimeSpan most, TimeProvider time, CancellationToken cancellation)
    {
        var (began, busyAt, written) = (time.GetTimestamp(), time.GetTimestamp(), 0L);
        while (true)
        {
            var look = Look();
            if (look == ProcessLook.Gone)
                return look;
            if (most > idle && IsBusy(ref written))
                busyAt = time.GetTimestamp();
            if (time.GetElapsedTime(busyAt) >= idle || time.GetElapsedTime(began) >= most)
                return look;
            await Task.Delay(LookPeriod, time, cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose() => _fd?.Dispose();

    /// <summary>
    /// Whether the process has written since the last look, or one of its threads waits for storage (state D, as in a flush). Source:
    /// proc_pid_io(5), proc_pid_stat(5).
    /// </summary>
    private bool IsBusy(ref long written)
    {
        var folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{Process.Pid}");
        var line = Array.Find(ProcFiles.Lines(folder + "/io"), l => l.StartsWith("write_bytes:", StringComparison.Ordinal));
        var before = written;
        if (line is not null
            && long.TryParse(line.AsSpan("write_bytes:".Length), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out written)
            && written != before)
            return true;
        try
        {
            return Directory.EnumerateDirectories(folder + "/task").Any(task => ProcFiles.Stat(task + "/stat") is ["D", ..]);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void Signal(int signal)
    {
        if (_fd is not null)
            _ = Syscall(PidfdSendSignal, (int)_fd.DangerousGetHandle(), signal, 0, 0);
        else if (Process.IsAlive())
            _ = Kill(Process.Pid, signal);
    }

    [DllImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern long Syscall(long number, long first, long second, long third, long fourth);

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);

    [DllImport("libc", EntryPoint = "poll", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Poll(ref PollFd fds, nuint count, int timeout);

    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }
}
