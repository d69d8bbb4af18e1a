using System.Collections.Immutable;
using System.Globalization;
using Dmm.Core.Hosts;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// The Linux host as <c>/proc</c> and <c>/sys</c> show it. What is available is read before what the VMs have resident: a VM that takes memory in
/// between counts twice for a second, rather than seeming to have taken it from its host.
/// </summary>
/// <param name="root">Where <c>/proc</c> and <c>/sys</c> are; other than <c>/</c> in tests.</param>
public sealed class LinuxHostWatch(string root = "/") : IHostWatch
{
    /// <summary>The kernel's own, new with each boot. Source: Linux, Documentation/admin-guide/sysctl/kernel.rst (random).</summary>
    public string? BootId => ProcFiles.Lines(Path.Combine(root, "proc/sys/kernel/random/boot_id")) is [var id, ..] && id.Trim() is { Length: > 0 } text ? text : null;

    public Task<HostSight> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation) => Task.Run(() => Look(vms), cancellation);

    private HostSight Look(IReadOnlyCollection<VmHandle> vms)
    {
        var file = Path.Combine(root, "proc/meminfo");
        var meminfo = ProcFiles.Lines(file);
        if (ProcFiles.Kibibytes(meminfo, "MemTotal") is not { } total || ProcFiles.Kibibytes(meminfo, "MemAvailable") is not { } available)
            throw new HypervisorException($"{file} does not tell MemTotal and MemAvailable");
        var groups = LimitedGroup.Of("self", root).ToList();
        var resident = ImmutableDictionary.CreateBuilder<VmId, MemorySize>();
        var members = groups.Select(_ => ImmutableHashSet.CreateBuilder<VmId>()).ToList();
        foreach (var vm in vms)
        {
            if (vm.Pid is not { } pid || IsAnother(pid, vm.PidStart) || Resident(pid) is not { } size)
                continue;
            resident[vm.Id] = size;
            for (var i = 0; i < groups.Count; i++)
            {
                if (groups[i].Holds(pid.ToString(CultureInfo.InvariantCulture), root))
                    members[i].Add(vm.Id);
            }
        }

        return new(total, available)
        {
            Resident = resident.ToImmutable(),
            Groups = [.. groups.Select((group, i) => new GroupSight(group.Name, group.Limit, group.Available, members[i].ToImmutable()))],
            Stall = Stall(),
        };
    }

    /// <summary>The VM has ended, and its pid is in use again. Source: proc_pid_stat(5), starttime.</summary>
    private bool IsAnother(int pid, long? start)
    {
        var fields = ProcFiles.Stat(Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/stat")));
        return start is { } expected && fields.Length > 19 && long.TryParse(fields[19], NumberStyles.None, CultureInfo.InvariantCulture, out var found) && found != expected;
    }

    /// <summary>
    /// What the process holds that is not page cache: that would be in MemAvailable already. Memory of huge pages is in the kernel's own pool. Source:
    /// proc_pid_status(5).
    /// </summary>
    private MemorySize? Resident(int pid)
    {
        var status = ProcFiles.Lines(Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/status")));
        return ProcFiles.Kibibytes(status, "RssAnon") is { } anonymous
            ? anonymous + (ProcFiles.Kibibytes(status, "RssShmem") ?? default) + (ProcFiles.Kibibytes(status, "HugetlbPages") ?? default)
                + (ProcFiles.Kibibytes(status, "VmPTE") ?? default)
            : null;
    }

    private HostStall? Stall()
    {
        var lines = ProcFiles.Lines(Path.Combine(root, "proc/pressure/memory"));
        return Average(lines, "some ") is { } some ? new(some, Average(lines, "full ") ?? 0) : null;
    }

    private static double? Average(string[] lines, string kind)
    {
        const string Key = "avg10=";
        var field = Array.Find(lines, l => l.StartsWith(kind, StringComparison.Ordinal))?.Split(' ').FirstOrDefault(f => f.StartsWith(Key, StringComparison.Ordinal));
        return field is not null && double.TryParse(field[Key.Length..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            ? percent / 100
            : null;
    }
}
