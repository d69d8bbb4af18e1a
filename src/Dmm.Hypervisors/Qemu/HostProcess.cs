using System.Globalization;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu;

/// <summary>The result of a look at a process.</summary>
public enum ProcessLook
{
    /// <summary>The process could not be read, so nothing is known.</summary>
    Unknown,

    Runs,

    Gone,
}

/// <summary>
/// A process of this host, known by pid and start time, so that a reused pid is never taken for it. A VM's process is a child of the
/// daemon that launched it, and of no later one; as a child it is a zombie between its end and the moment in which the framework waits for
/// it. Source: proc_pid_stat(5).
/// </summary>
/// <param name="Start">Clock ticks from the host's boot to the process's start.</param>
public sealed record HostProcess(int Pid, long Start)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <summary>How long a process may show no arguments before it is taken to have none.</summary>
    private static readonly TimeSpan MostOfExec = TimeSpan.FromMilliseconds(100);

    /// <returns>Null where there is no such process, or only the zombie of one that has ended.</returns>
    public static HostProcess? Find(int pid)
    {
        var stat = ProcFiles.Stat(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
        return stat.Length <= 19 || IsOver(pid, stat[0]) ? null : new(pid, long.Parse(stat[19], CultureInfo.InvariantCulture));
    }

    /// <summary>The id of the host's present boot; pids and start times mean nothing in another one.</summary>
    public static string ReadBootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>The processes that were started with <paramref name="option"/> followed by <paramref name="value"/>.</summary>
    public static IEnumerable<HostProcess> With(string option, string value)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out var pid) && Find(pid) is { } process && process.Has(option, value))
                yield return process;
        }
    }

    /// <summary>Whether the process was seen to run just now. False does not mean that it is gone: see <see cref="Seen"/>.</summary>
    public bool IsAlive() => Seen() == ProcessLook.Runs;

    /// <summary>
    /// Looks at the process. Gone needs proof: no process has this pid (ESRCH, which missing rights can't cause), another process has it,
    /// or only a zombie without other threads is left. A file that can't be read (no descriptor left, <c>hidepid</c>) proves nothing.
    /// </summary>
    public ProcessLook Seen()
    {
        string[] stat;
        try
        {
            var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/stat"));
            stat = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ProcessHold.Exists(Pid) ? ProcessLook.Unknown : ProcessLook.Gone;
        }

        if (stat.Length <= 19 || !long.TryParse(stat[19], NumberStyles.None, CultureInfo.InvariantCulture, out var start))
            return ProcessLook.Unknown;
        return start != Start || IsOver(Pid, stat[0]) ? ProcessLook.Gone : ProcessLook.Runs;
    }

    /// <summary>The process's effective user; null where it is gone or hidden. Source: proc_pid_status(5).</summary>
    public uint? User() =>
        Array.Find(ProcFiles.Lines(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/status")),
            l => l.StartsWith("Uid:", StringComparison.Ordinal))?.Split('\t') is [_, _, var effective, ..]
        && uint.TryParse(effective, NumberStyles.None, CultureInfo.InvariantCulture, out var user) ? user : null;

    /// <summary>The file name of the process's program; empty where it can't be seen.</summary>
    public string Program()
    {
        try
        {
            return Path.GetFileName(new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/exe")).LinkTarget ?? "");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Whether one argument is <paramref name="option"/> and the next <paramref name="value"/>.</summary>
    public bool Has(string option, string value)
    {
        var arguments = Arguments();
        return arguments.Zip(arguments.Skip(1)).Contains((option, value));
    }

    /// <summary>
    /// The process's arguments; empty where they can't be read or it has none. A process that becomes another program shows none for a
    /// moment, from when its new memory stands until its new arguments are in it; it is looked at again, so that a VM whose launch has
    /// not come as far as QEMU is never taken for none. Source: fs/proc/base.c (<c>get_mm_cmdline</c>), fs/exec.c.
    /// </summary>
    public IReadOnlyList<string> Arguments()
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            string text;
            try
            {
                text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/cmdline"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return [];
            }

            if (text.Length > 0)
                return text.Split('\0');
            // Neither a thread of the kernel nor a zombie has a program; a process that took its own arguments away does.
            if (Program().Length == 0 || TimeProvider.System.GetElapsedTime(began) >= MostOfExec)
                return [];
            Thread.Sleep(1);
        }
    }

    /// <summary>Ends the process at once (SIGKILL), if it still is this one.</summary>
    public void Kill()
    {
        using var hold = ProcessHold.Take(this);
        hold?.Kill();
    }

    /// <returns>Whether the process, and with it its memory, was seen to be gone before the deadline.</returns>
    public async Task<bool> WaitForExitAsync(TimeSpan deadline, TimeProvider time, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        while (Seen() != ProcessLook.Gone)
        {
            if (time.GetElapsedTime(began) >= deadline)
                return false;
            await Task.Delay(Look, time, cancellation).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>
    /// Whether the process has ended. A process whose parent does not wait for it stays as a zombie, and one whose first thread has ended
    /// shows as a zombie while other threads run: it has ended only when no other thread is left.
    /// </summary>
    private static bool IsOver(int pid, string state)
    {
        if (state is not ("Z" or "X"))
            return false;
        try
        {
            return Directory.GetDirectories($"/proc/{pid}/task").Length <= 1;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
