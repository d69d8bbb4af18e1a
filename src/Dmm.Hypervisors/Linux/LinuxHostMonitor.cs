using System.Collections.Immutable;
using System.Globalization;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// Reads the Linux host from <c>/proc</c> and <c>/sys</c>. Available memory is read before the VMs' resident memory: memory that a VM
/// takes in between counts twice for a second, instead of seeming to be lost to the host. What a VM with a control group of its own holds
/// is read from that group, and otherwise from its process.
/// </summary>
/// <param name="root">The folder that holds <c>/proc</c> and <c>/sys</c>; other than <c>/</c> in tests.</param>
/// <param name="groups">The setting <c>dmm.qemu.groups</c>: it decides which groups limit the VMs that are launched here.</param>
public sealed class LinuxHostMonitor(TimeProvider time, string root = "/", string groups = GroupPlace.Off) : IHostMonitor
{
    /// <summary>The kernel's boot id, new with each boot. Source: Linux, Documentation/admin-guide/sysctl/kernel.rst (random).</summary>
    public string? BootId =>
        ProcFiles.Lines(Path.Combine(root, "proc/sys/kernel/random/boot_id")) is [var id, ..] && id.Trim() is { Length: > 0 } text ? text
        : null;

    public Task<HostReading> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation) =>
        Task.Run(() => Look(vms), cancellation);

    private HostReading Look(IReadOnlyCollection<VmHandle> vms)
    {
        var began = Clocks.MomentOf(time);
        var file = Path.Combine(root, "proc/meminfo");
        var meminfo = ProcFiles.Lines(file);
        if (ProcFiles.Kibibytes(meminfo, "MemTotal") is not { } total || ProcFiles.Kibibytes(meminfo, "MemAvailable") is not { } available)
            throw new HypervisorException($"{file} lacks MemTotal or MemAvailable");
        var limits = GroupPlace.Find(groups, root, Environment.IsPrivilegedProcess).Limits(root).ToList();
        var resident = ImmutableDictionary.CreateBuilder<VmId, HeldMemory>();
        var gone = ImmutableHashSet.CreateBuilder<VmId>();
        var hidden = ImmutableHashSet.CreateBuilder<VmId>();
        var boot = BootId;
        var mapped = new List<int>();
        var members = limits.Select(_ => ImmutableHashSet.CreateBuilder<VmId>()).ToList();
        foreach (var vm in vms)
        {
            if (vm.Pid is not { } pid)
            {
                hidden.Add(vm.Id);
                continue;
            }

            if ((vm.BootId is { } its && boot is not null && its != boot) || ProcessTable.IsGone(pid, vm.PidStart, root))
            {
                gone.Add(vm.Id);
                continue;
            }

            var read = Clocks.MomentOf(time);
            if (ProcessMemory.Of(pid, VmGroup.Of(pid, root), root) is not { } memory)
            {
                hidden.Add(vm.Id);
                continue;
            }

            resident[vm.Id] = new(memory.Resident, read);
            if (!memory.OfGroup)
                mapped.Add(pid);
            for (var i = 0; i < limits.Count; i++)
            {
                if (limits[i].Holds(pid.ToString(CultureInfo.InvariantCulture), root))
                    members[i].Add(vm.Id);
            }
        }

        return new(total, available, began)
        {
            Resident = resident.ToImmutable(),
            Gone = gone.ToImmutable(),
            Hidden = hidden.ToImmutable(),
            Merged = SavedByMerging.Of(mapped, root),
            Groups = [.. limits.Select((group, i) => new GroupSight(group.Name, group.Limit, group.Available, members[i].ToImmutable()))],
            Stall = Stall(),
        };
    }

    private HostStall? Stall()
    {
        var lines = ProcFiles.Lines(Path.Combine(root, "proc/pressure/memory"));
        return Average(lines, "some ") is { } some ? new(some, Average(lines, "full ") ?? 0) : null;
    }

    private static double? Average(string[] lines, string kind)
    {
        const string Key = "avg10=";
        var field = Array.Find(lines, l => l.StartsWith(kind, StringComparison.Ordinal))?.Split(' ')
            .FirstOrDefault(f => f.StartsWith(Key, StringComparison.Ordinal));
        return field is not null
            && double.TryParse(field[Key.Length..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            ? percent / 100
            : null;
    }
}
