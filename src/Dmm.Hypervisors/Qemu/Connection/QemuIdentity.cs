using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Which process of this host the QEMU is that answers at a socket. The kernel tells who listens there, and that may be a proxy: so whoever
/// listens, and the process that has the threads which QEMU names as its virtual CPUs, are believed only where their program is QEMU and
/// the memory of the guest stands in them where QEMU says that it does. Source: unix(7), SO_PEERCRED; QEMU, qapi/machine.json
/// (<c>query-cpus-fast</c>), hmp-commands (<c>gpa2hva</c>); proc_pid_maps(5).
/// </summary>
/// <param name="Process">Null where none was proved.</param>
/// <param name="Doubt">Why, in one line; null where it was proved.</param>
/// <param name="Listener">Who listens at the socket, in words, where that is another process or none was proved.</param>
internal sealed record QemuIdentity(HostProcess? Process, string? Doubt, string? Listener)
{
    /// <param name="binary">The program that DMM itself starts as QEMU.</param>
    /// <param name="boot">The guest's boot memory.</param>
    public static async Task<QemuIdentity> FindAsync(QmpClient qmp, string binary, MemorySize boot, CancellationToken cancellation)
    {
        var (peer, listener) = (qmp.PeerPid, Describe(qmp.PeerPid));
        if (await AddressAsync(qmp, cancellation).ConfigureAwait(false) is not { } address)
            return new(null, $"{listener} listens at {qmp.Path}, and QEMU does not tell where its guest's memory stands", listener);
        var least = await LeastPieceAsync(qmp, boot, cancellation).ConfigureAwait(false);
        if (peer is { } pid && Proved(pid, binary, address, least) is { } direct)
            return new(direct, null, null);
        var threads = await ThreadsAsync(qmp, cancellation).ConfigureAwait(false);
        if (ProcessOf(threads) is { } behind && Proved(behind, binary, address, least) is { } found)
            return new(found, null, listener);
        return new(null, $"{listener} listens at {qmp.Path}, and was not proved to be QEMU; nor was any other process", listener);
    }

    /// <summary>The process whose program is QEMU and which has that memory, as long as it is one and the same.</summary>
    private static HostProcess? Proved(int pid, string binary, ulong address, MemorySize least)
    {
        if (HostProcess.Find(pid) is not { } process || !IsQemu(pid, binary))
            return null;
        var maps = ProcFiles.Lines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/maps"));
        return ProcessMaps.MappedFrom(address, maps) >= least && process.IsAlive() ? process : null;
    }

    /// <summary>
    /// By its file's name: distributions call it <c>qemu-system-…</c>, <c>qemu-kvm</c> or <c>kvm</c>. One that was upgraded has
    /// <c>(deleted)</c> behind its name.
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

    /// <summary>Where the guest's first byte stands in QEMU's own address space.</summary>
    private static async Task<ulong?> AddressAsync(QmpClient qmp, CancellationToken cancellation)
    {
        var command = new JsonObject { ["command-line"] = "gpa2hva 0x0" };
        return await AskAsync(qmp, "human-monitor-command", command, cancellation).ConfigureAwait(false) is { } answer
            ? ProcessMaps.HostAddress(answer.ToString()) : null;
    }

    /// <summary>Boot memory may come in several pieces (NUMA nodes): the first is no smaller than the smallest of them.</summary>
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
    /// The process that all these threads belong to. A QEMU of another pid namespace names its threads as they are called there: what they
    /// are here is for the memory to disprove.
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

    private static string Describe(int? pid) => pid is not { } known ? "a process that this host does not name"
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
