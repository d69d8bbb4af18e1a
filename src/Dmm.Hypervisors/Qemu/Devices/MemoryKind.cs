using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// The kind of a VM's boot memory, of which added memory must be too. Processes that share a guest's memory (vhost-user, virtiofsd) see
/// only memory that is shared; a VM that was given huge pages, or a node of the host, was given them for a reason. Where DMM can't add
/// memory of this kind, it adds none. Source: QEMU, qapi/qom.json (MemoryBackendProperties), backends/hostmem*.c.
/// </summary>
/// <param name="Type">The type of the object that holds the memory, such as <c>memory-backend-memfd</c>.</param>
/// <param name="Refusal">Why memory of this kind can't be added, in one line; null where it can be.</param>
public sealed record MemoryKind(string Type, string? Refusal)
{
    private const string Ram = "memory-backend-ram";
    private const string Memfd = "memory-backend-memfd";
    private const string InFile = "memory-backend-file";
    private const string Objects = "/objects/";

    /// <summary>Private memory of QEMU's process, as a VM has whose command line says nothing of it.</summary>
    public static MemoryKind Plain { get; } = new(Ram, null);

    public bool Share { get; private init; }

    /// <summary>Whether the kernel may merge equal pages (KSM).</summary>
    public bool Merge { get; private init; } = true;

    /// <summary>Whether the memory is part of QEMU's core dumps.</summary>
    public bool Dump { get; private init; } = true;

    /// <summary>Whether all its pages are there from the start.</summary>
    public bool Prealloc { get; private init; }

    /// <summary>Whether memfd memory is in huge pages.</summary>
    public bool Huge { get; private init; }

    /// <summary>The size of its huge pages; zero where it has none, or those of the kernel's own choice.</summary>
    public MemorySize PageSize { get; private init; }

    /// <summary>
    /// The folder in which QEMU makes an unnamed file for it (a mount of huge pages, for example); null where there is none.
    /// </summary>
    public string? Folder { get; private init; }

    /// <summary>How the host's nodes are used: <c>default</c>, <c>bind</c>, <c>interleave</c>, <c>preferred</c>.</summary>
    public string Policy { get; private init; } = "default";

    /// <summary>The host's nodes for the policy, as a JSON list.</summary>
    public string HostNodes { get; private init; } = "[]";

    /// <summary>The arguments of <c>object-add</c> for memory of this kind.</summary>
    /// <param name="whole">
    /// True for a DIMM, all of whose memory is the guest's: the host's overcommit rules check it. False for a virtio-mem device, which may
    /// be larger than the host and of which the guest gets a part.
    /// </param>
    internal JsonObject Backend(string id, MemorySize size, bool whole)
    {
        var made = new JsonObject { ["qom-type"] = Type, ["id"] = id, ["size"] = size.Bytes, ["reserve"] = whole, ["share"] = Share };
        if (!Merge)
            made["merge"] = false;
        if (!Dump)
            made["dump"] = false;
        if (whole && Prealloc)
            made["prealloc"] = true;
        if (Huge)
            made["hugetlb"] = true;
        if (Huge && !PageSize.IsZero)
            made["hugetlbsize"] = PageSize.Bytes;
        if (Folder is not null)
            made["mem-path"] = Folder;
        if (Policy != "default")
            (made["policy"], made["host-nodes"]) = (Policy, JsonNode.Parse(HostNodes));
        return made;
    }

    /// <summary>
    /// Whether a virtio-mem device of this kind must take the pages when its guest asks for them. Otherwise a guest that uses memory for
    /// which the host has no page left (huge pages are few) would be killed.
    /// </summary>
    internal bool TakesPagesFirst => Huge || Folder is not null || Prealloc;

    /// <summary>Finds the kind of the memory at the guest's first address: that of its first node.</summary>
    /// <param name="objects">The names and types of QEMU's objects.</param>
    internal static async Task<MemoryKind> DiscoverAsync(
        QmpClient qmp, IReadOnlyList<(string Name, string Type)> objects, CancellationToken cancellation)
    {
        if (await FirstAsync(qmp, cancellation).ConfigureAwait(false) is not { } id)
            return Plain;
        const string child = "child<";
        var type = objects.FirstOrDefault(o => o.Name == id).Type is { } shown && shown.StartsWith(child, StringComparison.Ordinal)
            ? shown[child.Length..^1] : "";
        var known = await AskAsync(qmp, "query-memdev", null, cancellation).ConfigureAwait(false) is { ValueKind: JsonValueKind.Array } list
            ? list.EnumerateArray().FirstOrDefault(m => QmpJson.TextOrEmpty(m, "id") == id) : default;
        var kind = new MemoryKind(type, null)
        {
            Share = Is(known, "share", false),
            Merge = Is(known, "merge", true),
            Dump = Is(known, "dump", true),
            Prealloc = Is(known, "prealloc", false),
            Policy = QmpJson.TextOrEmpty(known, "policy") is { Length: > 0 } policy ? policy : "default",
            HostNodes = QmpJson.MemberOf(known, "host-nodes") is { ValueKind: JsonValueKind.Array } nodes ? nodes.GetRawText() : "[]",
        };
        return type switch
        {
            Ram => kind,
            Memfd => kind with
            {
                Huge = await GetAsync(qmp, id, "hugetlb", cancellation).ConfigureAwait(false) is { ValueKind: JsonValueKind.True },
                PageSize = SizeOf(await GetAsync(qmp, id, "hugetlbsize", cancellation).ConfigureAwait(false)),
            },
            InFile => OfFile(
                kind, await GetAsync(qmp, id, "mem-path", cancellation).ConfigureAwait(false) is { ValueKind: JsonValueKind.String } path
                    ? path.GetString() : null),
            _ => kind with { Refusal = $"its memory is a {(type.Length > 0 ? type : "kind of object that QEMU does not name")} ({id})" },
        };
    }

    private static MemorySize SizeOf(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Number } size && size.TryGetInt64(out var bytes) && bytes > 0 ? new(bytes) : MemorySize.Zero;

    /// <summary>
    /// A second object with the same file would be the same memory. In a folder QEMU makes a file of its own for each object.
    /// </summary>
    private static MemoryKind OfFile(MemoryKind kind, string? path) =>
        path is not null && Directory.Exists(path) ? kind with { Folder = path }
            : kind with { Refusal = $"its memory is the file {path ?? "whose path QEMU does not give"}, and QEMU can't add to a file" };

    /// <summary>The id of the object that holds the memory at the guest's first address; null where QEMU does not say.</summary>
    private static async Task<string?> FirstAsync(QmpClient qmp, CancellationToken cancellation)
    {
        // A machine with several nodes, each with an object of its own, names none of them.
        var named = new JsonObject { ["path"] = "/machine", ["property"] = "memory-backend" };
        if (await AskAsync(qmp, "qom-get", named, cancellation).ConfigureAwait(false) is { ValueKind: JsonValueKind.String } link
            && link.GetString() is { Length: > 0 } path)
            return path.StartsWith(Objects, StringComparison.Ordinal) ? path[Objects.Length..] : path;
        var command = new JsonObject { ["command-line"] = "gpa2hva 0x0" };
        return await AskAsync(qmp, "human-monitor-command", command, cancellation).ConfigureAwait(false) is { } answer
            && ProcessMaps.RegionName(answer.ToString()) is { } name
            ? name.StartsWith(Objects, StringComparison.Ordinal) ? name[Objects.Length..] : name
            : null;
    }

    private static bool Is(JsonElement of, string name, bool otherwise) => QmpJson.MemberOf(of, name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => otherwise,
    };

    private static Task<JsonElement?> GetAsync(QmpClient qmp, string id, string property, CancellationToken cancellation) =>
        AskAsync(qmp, "qom-get", new JsonObject { ["path"] = Objects + id, ["property"] = property }, cancellation);

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
