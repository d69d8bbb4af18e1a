using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu;

/// <summary>
/// A process of this host that is not this daemon's child: known by pid and start time, so that a pid that is used again is never mistaken
/// for it. Source: proc_pid_stat(5).
/// </summary>
/// <param name="Start">Clock ticks from the host's boot to the process's start.</param>
public sealed record HostProcess(int Pid, long Start)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <returns>Null where there is no such process, or only what is left of one that has ended.</returns>
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

    public bool IsAlive() => Find(Pid) == this;

    public bool Has(string option, string value)
    {
        try
        {
            var arguments = File.ReadAllText($"/proc/{Pid}/cmdline").Split('\0');
            return arguments.Zip(arguments.Skip(1)).Contains((option, value));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Ends the process at once (SIGKILL), if it still is this one.</summary>
    public void Kill()
    {
        if (!IsAlive())
            return;
        try
        {
            using var process = Process.GetProcessById(Pid);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException || (e is Win32Exception && !IsAlive()))
        {
            // It ended between the look and the signal, which is what was wanted.
            return;
        }
    }

    /// <returns>Whether the process, and with it its memory, is gone before the deadline.</returns>
    public async Task<bool> WaitForExitAsync(TimeSpan deadline, TimeProvider time, CancellationToken cancellation)
    {
        var end = time.GetTimestamp() + (long)(deadline.TotalSeconds * time.TimestampFrequency);
        while (IsAlive())
        {
            if (time.GetTimestamp() >= end)
                return false;
            await Task.Delay(Look, time, cancellation).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>
    /// A process whose parent does not care stays as a zombie, and one whose first thread has ended shows as a zombie while others run:
    /// it is over when only the husk is left.
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
