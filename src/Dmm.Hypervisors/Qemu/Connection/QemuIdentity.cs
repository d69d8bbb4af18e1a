using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Finds the process of this host that is the QEMU which answers at a socket. The kernel knows the listening process, but that may be a
/// proxy. So two candidates are checked: the listening process, and the process that owns the threads which QEMU names as its virtual
/// CPUs. A candidate is accepted only if its program is QEMU and the guest's memory is mapped in it where QEMU says. Source: unix(7),
/// SO_PEERCRED; QEMU, qapi/machine.json (<c>query-cpus-fast</c>), hmp-commands (<c>gpa2hva</c>); proc_pid_maps(5).
/// </summary>
/// <param name="Process">The proved process; null where none was proved.</param>
/// <param name="Doubt">Why none was proved, in one line; null where one was.</param>
/// <param name="Listener">The listening process, described for people, where it is another process or none was proved.</param>
internal sealed record QemuIdentity(HostProcess? Process, string? Doubt, string? Listener)
{
    /// <param name="binary">The program that DMM itself starts as QEMU.</param>
    /// <param name="boot">The guest's boot memory.</param>
    public static async Task<QemuIdentity> FindAsync(QmpClient qmp, string binary, MemorySize boot, CancellationToken cancellation)
    {
        var (peer, listener) = (qmp.PeerPid, Describe(qmp.PeerPid));
        if (await AddressAsync(qmp, cancellation).ConfigureAwait(false) is not { } address)
            return new(null, $"{listener} listens at {qmp.Path}, and QEMU does not say at which address its guest's memory is", listener);
        var least = await LeastPieceAsync(qmp, boot, cancellation).ConfigureAwait(false);
        if (peer is { } pid && Proved(pid, binary, address, least) is { } direct)
            return new(direct, null, null);
        var threads = await ThreadsAsync(qmp, cancellation).ConfigureAwait(false);
        if (ProcessOf(threads) is { } behind && Proved(behind, binary, address, least) is { } found)
            return new(found, null, listener);
        return new(null, $"{listener} listens at {qmp.Path}, and neither it nor any other process was proved to be QEMU", listener);
    }

    /// <summary>The process, if its program is QEMU and it has that memory, and if it stays the same process during the check.</summary>
    private static HostProcess? Proved(int pid, string binary, ulong address, MemorySize least)
    {
        if (HostProcess.Find(pid) is not { } process || !IsQemu(pid, binary))
            return null;
        var maps = ProcFiles.Lines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/maps"));
        return ProcessMaps.MappedFrom(address, maps) >= least && process.IsAlive() ? process : null;
    }

    /// <summary>
    /// Whether the process runs QEMU, by its program's file name: distributions call it <c>qemu-system-…</c>, <c>qemu-kvm</c> or
    /// <c>kvm</c>. The name of a program that was upgraded ends with <c>(deleted)</c>.
    /// </summary>
    public static bool IsQemu(int pid, string binary)
    {
        try
        {
            var program = Path.GetFileName(new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/exe")).LinkTarget ?? "");
            return program.Contains("qemu", StringComparison.OrdinalIgnoreCase)
                || program.Contains("kvm", StringComparison.OrdinalIgnoreCase)
                || (program.Length > 0 && program == Path.GetFileName(binary));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The address of the guest's first byte in QEMU's own address space.</summary>
    private static async Task<ulong?> AddressAsync(QmpClient qmp, CancellationToken cancellation)
    {
        var command = new JsonObject { ["command-line"] = "gpa2hva 0x0" };
        return await AskAsync(qmp, "human-monitor-command", command, cancellation).ConfigureAwait(false) is { } answer
            ? ProcessMaps.HostAddress(answer.ToString()) : null;
    }

    /// <summary>
    /// The smallest piece of boot memory. Boot memory may be in several pieces (NUMA nodes); the first is no smaller than the smallest.
    /// </summary>
    private static async Task<MemorySize> LeastPieceAsync(QmpClient qmp, MemorySize boot, CancellationToken cancellation)
    {
        var least = boot;
        if (await AskAsync(qmp, "query-memdev", null, cancellation).ConfigureAwait(false) is { ValueKind: JsonValueKind.Array } pieces)
        {
            foreach (var piece in pieces.EnumerateArray())
            {
                if (QmpJson.CountOrNull(piece, "size") is { } bytes && bytes > 0)
                    least = MemorySize.Min(least, new(bytes));
            }
        }

        return MemorySize.Max(least, MemorySize.FromKiB(4));
    }

    private static async Task<IReadOnlyList<int>> ThreadsAsync(QmpClient qmp, CancellationToken cancellation) =>
        await AskAsync(qmp, "query-cpus-fast", null, cancellation).ConfigureAwait(false) is { ValueKind: JsonValueKind.Array } cpus
            ? [.. cpus.EnumerateArray().Select(c => (int)Math.Min(QmpJson.CountOrNull(c, "thread-id") ?? 0, int.MaxValue))
                .Where(tid => tid > 0)]
            : [];

    /// <summary>
    /// The process that owns all these threads. A QEMU in another pid namespace reports the thread ids of its own namespace. Here they
    /// may name another process, which the check of the memory then rejects.
    /// </summary>
    private static int? ProcessOf(IReadOnlyList<int> threads)
    {
        var owners = threads.Select(tid => OwnerOf(tid)).Distinct().ToList();
        return owners is [{ } one] ? one : null;
    }

    private static int? OwnerOf(int tid) =>
        Array.Find(ProcFiles.Lines(string.Create(CultureInfo.InvariantCulture, $"/proc/{tid}/status")),
            l => l.StartsWith("Tgid:", StringComparison.Ordinal)) is { } line
        && int.TryParse(line.AsSpan("Tgid:".Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
            ? pid
            : null;

    private static string Describe(int? pid) => pid is not { } known ? "a process whose id this host does not give"
        : ProcFiles.Lines(string.Create(CultureInfo.InvariantCulture, $"/proc/{known}/comm")) is [var name, ..]
        ? $"process {known} ({name})"
        : $"process {known}";

    /// <returns>Null where QEMU refuses.</returns>
    private static async Task<JsonElement?> AskAsync(QmpClient qmp, string command, JsonObject? arguments, CancellationToken cancellation)
    {
        try
        {
            return await qmp.ExecuteAsync(command, arguments, cancellation).ConfigureAwait(false);
        }
        catch (QmpRefusedException)
        {
            return null;
        }
    }
}
