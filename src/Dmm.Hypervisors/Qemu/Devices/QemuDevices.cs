using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <param name="Path">The device's path in QEMU's object tree.</param>
/// <param name="Address">The device's address in the guest's memory; it identifies the device, since ids are optional.</param>
public sealed record VirtioMemDevice(string Path, long Address, MemorySize Max, MemorySize Block);

/// <summary>
/// The devices of a running QEMU through which memory can be moved. They are found by their type, since whoever started QEMU chose the
/// ids.
/// </summary>
/// <param name="BootMemory">The boot memory that <c>-m</c> gave.</param>
/// <param name="BalloonPath">The balloon's path; null where there is no balloon.</param>
/// <param name="VirtioMem">The virtio-mem devices in the order in which they are filled.</param>
/// <param name="AgentSocket">The host end of the agent's port; null where there is none, or none that DMM can connect to.</param>
public sealed record QemuDevices(
    MemorySize BootMemory, string? BalloonPath, ImmutableArray<VirtioMemDevice> VirtioMem, string? AgentSocket)
{
    private static readonly string[] Containers = [Named, "/machine/peripheral-anon"];

    /// <summary>The container of devices with an id.</summary>
    private const string Named = "/machine/peripheral";

    /// <summary>All memory devices, as they were at this discovery.</summary>
    public ImmutableArray<MemoryDeviceState> States { get; init; } = [];

    public MemoryRoom Room { get; init; } = MemoryRoom.None;

    /// <summary>Whether DMM launched this VM.</summary>
    public bool Owned { get; init; }

    /// <summary>The kind of memory that may be added.</summary>
    public MemoryKind Memory { get; init; } = MemoryKind.Plain;

    /// <summary>Ids of the empty root ports on which further virtio-mem devices may be added.</summary>
    public ImmutableArray<string> SparePorts { get; init; } = [];

    /// <summary>Ids of the devices that have an id.</summary>
    public ImmutableArray<string> DeviceIds { get; init; } = [];

    /// <summary>The types of passed-through host devices, which access the guest's memory themselves: QEMU then frees none of it.</summary>
    public ImmutableArray<string> PassedThrough { get; init; } = [];

    /// <summary>Ids of QEMU's objects, including those that hold the devices' memory.</summary>
    public ImmutableArray<string> ObjectIds { get; init; } = [];

    /// <param name="owned">Whether DMM launched this VM.</param>
    public static async Task<QemuDevices> DiscoverAsync(QmpClient qmp, bool owned, CancellationToken cancellation)
    {
        var summary = await qmp.ExecuteAsync("query-memory-size-summary", null, cancellation).ConfigureAwait(false);
        var devices = await qmp.ExecuteAsync("query-memory-devices", null, cancellation).ConfigureAwait(false);
        var known = MemoryDeviceState.ParseAll(devices);
        string? balloon = null, agentPort = null;
        var virtioMem = ImmutableArray.CreateBuilder<VirtioMemDevice>();
        var sparePorts = ImmutableArray.CreateBuilder<string>();
        var ids = ImmutableArray.CreateBuilder<string>();
        var passedThrough = ImmutableArray.CreateBuilder<string>();
        foreach (var (path, type) in await ListDevicesAsync(qmp, cancellation).ConfigureAwait(false))
        {
            var id = path.StartsWith(Named + "/", StringComparison.Ordinal) ? path[(Named.Length + 1)..] : null;
            if (id is not null)
                ids.Add(id);
            if (type.StartsWith("vfio-", StringComparison.Ordinal) || type.StartsWith("vhost-vdpa-", StringComparison.Ordinal))
                passedThrough.Add(type);
            if (type.StartsWith("virtio-balloon", StringComparison.Ordinal))
            {
                balloon ??= path;
            }
            else if (type.StartsWith("virtio-mem", StringComparison.Ordinal))
            {
                var address = await GetAsync(qmp, path, "memaddr", cancellation).ConfigureAwait(false);
                var state = known.FirstOrDefault(d => d.IsVirtioMem && d.Address.ToString(CultureInfo.InvariantCulture) == address)
                    ?? throw new HypervisorException($"{qmp.Path}: query-memory-devices does not list the virtio-mem device {path}");
                virtioMem.Add(new(path, state.Address, state.Max, state.Block));
            }
            else if (type == "virtserialport"
                && await GetAsync(qmp, path, "name", cancellation).ConfigureAwait(false) == QemuCommandLine.AgentPort)
            {
                agentPort = path;
            }
            else if (type == "pcie-root-port" && id is not null && DeviceId.IsSparePort(id, owned)
                && await IsEmptyAsync(qmp, path, id, cancellation).ConfigureAwait(false))
            {
                sparePorts.Add(id);
            }
        }

        var objects = await ListAsync(qmp, "/objects", cancellation).ConfigureAwait(false);
        virtioMem.Sort((a, b) => a.Address.CompareTo(b.Address));
        sparePorts.Sort(
            (a, b) => Comparer<int?>.Default.Compare(DeviceId.Number(a, DeviceId.SparePort), DeviceId.Number(b, DeviceId.SparePort)));
        return new(
            QmpJson.Size(summary, "base-memory"),
            balloon,
            virtioMem.ToImmutable(),
            agentPort is null ? null : await FindAgentSocketAsync(qmp, agentPort, cancellation).ConfigureAwait(false))
        {
            States = known,
            Owned = owned,
            Memory = await MemoryKind.DiscoverAsync(qmp, objects, cancellation).ConfigureAwait(false),
            Room = await ReadRoomAsync(qmp, devices, cancellation).ConfigureAwait(false),
            SparePorts = sparePorts.ToImmutable(),
            DeviceIds = ids.ToImmutable(),
            PassedThrough = passedThrough.ToImmutable(),
            ObjectIds = [.. objects.Select(o => o.Name)],
        };
    }

    private static async Task<MemoryRoom> ReadRoomAsync(QmpClient qmp, JsonElement devices, CancellationToken cancellation)
    {
        try
        {
            var get = new JsonObject { ["path"] = "/machine", ["property"] = "memory" };
            return MemoryRoom.Of(await qmp.ExecuteAsync("qom-get", get, cancellation).ConfigureAwait(false), devices);
        }
        catch (QmpRefusedException)
        {
            // QEMU before 7.0 does not report it.
            return MemoryRoom.None;
        }
    }

    /// <summary>
    /// Whether a root port is empty. Its bus is its child of the same name. QEMU itself allows a second device on a full port, where the
    /// guest never sees it.
    /// </summary>
    private static async Task<bool> IsEmptyAsync(QmpClient qmp, string port, string id, CancellationToken cancellation) =>
        !(await ListAsync(qmp, $"{port}/{id}", cancellation).ConfigureAwait(false))
        .Exists(c => c.Name.StartsWith("child[", StringComparison.Ordinal));

    private static async Task<List<(string Path, string Type)>> ListDevicesAsync(QmpClient qmp, CancellationToken cancellation)
    {
        var found = new List<(string, string)>();
        foreach (var container in Containers)
        {
            const string child = "child<", end = ">";
            foreach (var (name, type) in await ListAsync(qmp, container, cancellation).ConfigureAwait(false))
            {
                if (type.StartsWith(child, StringComparison.Ordinal) && type.EndsWith(end, StringComparison.Ordinal))
                    found.Add(($"{container}/{name}", type[child.Length..^end.Length]));
            }
        }

        return found;
    }

    private static async Task<List<(string Name, string Type)>> ListAsync(QmpClient qmp, string path, CancellationToken cancellation)
    {
        var list = await qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = path }, cancellation).ConfigureAwait(false);
        return [.. QmpJson.Items(list).Select(item => (QmpJson.Text(item, "name"), QmpJson.Text(item, "type")))];
    }

    /// <summary>
    /// The socket of a channel. QEMU reports it as <c>unix:PATH,server=on</c>, with <c>disconnected:</c> before it while no client is
    /// connected.
    /// </summary>
    private static async Task<string?> FindAgentSocketAsync(QmpClient qmp, string port, CancellationToken cancellation)
    {
        const string scheme = "unix:", server = ",server=on";
        var label = await GetAsync(qmp, port, "chardev", cancellation).ConfigureAwait(false);
        var channels = await qmp.ExecuteAsync("query-chardev", null, cancellation).ConfigureAwait(false);
        var channel = QmpJson.Items(channels).FirstOrDefault(c => QmpJson.Text(c, "label") == label);
        var file = channel.ValueKind == JsonValueKind.Undefined ? "" : QmpJson.Text(channel, "filename");
        var start = file.IndexOf(scheme, StringComparison.Ordinal);
        var end = file.LastIndexOf(server, StringComparison.Ordinal);
        if (start < 0 || end < start)
            return null;
        var path = file[(start + scheme.Length)..end];
        return Path.IsPathRooted(path) ? path : null;
    }

    /// <summary>A property's value as text, whatever its kind.</summary>
    private static async Task<string> GetAsync(QmpClient qmp, string path, string property, CancellationToken cancellation) =>
        (await qmp.ExecuteAsync("qom-get", new JsonObject { ["path"] = path, ["property"] = property }, cancellation).ConfigureAwait(false))
            .ToString();
}
