using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Measures what a QEMU process costs the host: all that it holds, and how much of that is not its guest's memory. The guest's memory is
/// recognized by address: QEMU reports where in its own address space the guest's boot memory and each memory device are. That takes a
/// walk over all mappings of the process (shared pages count by their share, PSS), whose cost grows with its memory: a large process is
/// walked rarely (<see cref="WalkSchedule"/>), one at a time on this host, and the last result stands in between. Source:
/// proc_pid_smaps(5); QEMU, hmp-commands (<c>gpa2hva</c>).
/// </summary>
/// <param name="group">The control group that DMM made for the process; null where there is none.</param>
/// <param name="large">The resident memory from which on a process counts as large.</param>
internal sealed class QemuCost(QmpClient qmp, MemorySize boot, int pid, VmGroup? group, TimeProvider time, MemorySize? large = null)
{
    private static readonly MemorySize Large = MemorySize.FromGiB(4);

    /// <summary>One walk over a large process at a time on this host.</summary>
    private static readonly SemaphoreSlim Walking = new(1, 1);

    private readonly Lock _gate = new();
    private readonly WalkSchedule _schedule = new(pid, time);
    private GuestPlaces? _places;
    private HostCost? _last;
    private int _walks;

    /// <summary>How often the mappings were walked.</summary>
    internal int Walks => Volatile.Read(ref _walks);

    private (HostCost? Last, bool Due) Known
    {
        get
        {
            lock (_gate)
                return (_last, _last is null || _schedule.IsDue);
        }
    }

    /// <returns>Null where this daemon may not read the process.</returns>
    public async Task<HostCost?> MeasureAsync(CancellationToken cancellation)
    {
        if (ProcessMemory.Of(pid, group) is not { } memory)
            return null;
        if (memory.Resident < (large ?? Large))
        {
            var near = await LocateAsync(cancellation).ConfigureAwait(false);
            return await Task.Run(() => Walk(near), cancellation).ConfigureAwait(false);
        }

        // Only the first result is waited for; later, a host that is busy with another VM's walk leaves the last one as it is.
        var (last, due) = Known;
        if (due && await Walking.WaitAsync(last is null ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, cancellation).ConfigureAwait(false))
            last = await WalkAloneAsync(cancellation).ConfigureAwait(false);
        return last is null ? null
            : last with { Resident = memory.Resident, Limit = memory.Resident + ControlGroups.RoomOf(pid) };
    }

    /// <summary>
    /// Walks on a thread of its own: it may take seconds. A call that is given up meanwhile leaves the walk to end by itself, and its
    /// result for the next call. The turn was taken by the caller and is given back here.
    /// </summary>
    private async Task<HostCost?> WalkAloneAsync(CancellationToken cancellation)
    {
        // Another call may have walked while this one waited for its turn.
        if (Known is (var last, false))
        {
            Walking.Release();
            return last;
        }

        Task<HostCost?> walk;
        try
        {
            var places = await LocateAsync(cancellation).ConfigureAwait(false);
            walk = Task.Factory.StartNew(
                () =>
                {
                    try
                    {
                        return Walk(places);
                    }
                    finally
                    {
                        Walking.Release();
                    }
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch
        {
            Walking.Release();
            throw;
        }

        return await walk.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private HostCost? Walk(GuestPlaces places)
    {
        Interlocked.Increment(ref _walks);
        try
        {
            var tables = ProcessMaps.PageTables(File.ReadLines($"/proc/{pid}/status"));
            var overhead = places.Known ? ProcessMaps.Outside(places.Ranges, File.ReadLines($"/proc/{pid}/smaps")) : null;
            var resident = group?.Held() ?? ProcessMaps.Resident(File.ReadLines($"/proc/{pid}/smaps_rollup")) + tables;
            // The group is charged with more of the kernel's memory than page tables of the process.
            var kernel = MemorySize.Max(tables, group?.Kernel() ?? MemorySize.Zero);
            var cost = new HostCost(overhead + kernel, resident, resident + ControlGroups.RoomOf(pid));
            lock (_gate)
            {
                _last = cost;
                _schedule.Walked();
            }

            return cost;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Looks up the addresses of the guest's memory. A device keeps its address as long as it exists, so the lookup is repeated only when
    /// the devices have changed.
    /// </summary>
    private async Task<GuestPlaces> LocateAsync(CancellationToken cancellation)
    {
        var states = MemoryDeviceState.ParseAll(await qmp.ExecuteAsync("query-memory-devices", null, cancellation).ConfigureAwait(false));
        (long Address, MemorySize Size)[] devices = [(0, boot), .. states.Select(d => (d.Address, d.Max))];
        GuestPlaces? known;
        lock (_gate)
            known = _places;
        if (known is not null && known.Devices.AsSpan().SequenceEqual(devices))
            return known;
        var ranges = new List<ProcessMaps.Range>();
        foreach (var (address, size) in devices)
        {
            var command = new JsonObject { ["command-line"] = $"gpa2hva 0x{address:x}" };
            var answer = await qmp.ExecuteAsync("human-monitor-command", command, cancellation).ConfigureAwait(false);
            if (ProcessMaps.HostAddress(answer.ToString()) is not { } start)
                break;
            ranges.Add(new(start, start + (ulong)size.Bytes));
        }

        var found = new GuestPlaces(devices, [.. ranges], ranges.Count == devices.Length);
        lock (_gate)
            _places = found;
        return found;
    }

    /// <param name="Known">Whether all devices were found.</param>
    private sealed record GuestPlaces((long Address, MemorySize Size)[] Devices, ProcessMaps.Range[] Ranges, bool Known);
}
