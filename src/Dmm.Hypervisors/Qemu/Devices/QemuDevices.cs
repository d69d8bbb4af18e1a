using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <param name="Path">Its place in QEMU's object tree.</param>
/// <param name="Address">Where it stands in the guest's memory; tells devices apart, since ids are optional.</param>
public sealed record VirtioMemDevice(string Path, long Address, MemorySize Max, MemorySize Block);

/// <summary>
/// The devices of a running QEMU through which memory can be moved, found by their type: the ids are whatever the one who started it chose.
/// </summary>
/// <param name="BootMemory">What <c>-m</c> gave.</param>
/// <param name="BalloonPath">Null where there is no balloon.</param>
/// <param name="VirtioMem">In the order in which they are filled.</param>
/// <param name="AgentSocket">Where the agent's port ends on the host; null where it has none, or none that DMM could connect to.</param>
public sealed record QemuDevices(
    MemorySize BootMemory, string? BalloonPath, ImmutableArray<VirtioMemDevice> VirtioMem, string? AgentSocket)
{
    private static readonly string[] Containers = ["/machine/peripheral", "/machine/peripheral-anon"];

    public MemorySize PluggableMax => VirtioMem.Aggregate(MemorySize.Zero, (sum, device) => sum + device.Max);

    /// <summary>The unit in which all of them together can be resized.</summary>
    public MemorySize BlockSize => VirtioMem.Aggregate(MemorySize.Zero, (block, device) => MemorySize.Max(block, device.Block));

    public static async Task<QemuDevices> DiscoverAsync(QmpClient qmp, CancellationToken cancellation)
    {
        var summary = await qmp.ExecuteAsync("query-memory-size-summary", null, cancellation).ConfigureAwait(false);
        var known = MemoryDeviceState.ParseAll(await qmp.ExecuteAsync("query-memory-devices", null, cancellation).ConfigureAwait(false));
        string? balloon = null, agentPort = null;
        var virtioMem = ImmutableArray.CreateBuilder<VirtioMemDevice>();
        foreach (var (path, type) in await ListAsync(qmp, cancellation).ConfigureAwait(false))
        {
            if (type.StartsWith("virtio-balloon", StringComparison.Ordinal))
            {
                balloon ??= path;
            }
            else if (type.StartsWith("virtio-mem", StringComparison.Ordinal))
            {
                var address = await GetAsync(qmp, path, "memaddr", cancellation).ConfigureAwait(false);
                var state = known.FirstOrDefault(d => d.IsVirtioMem && d.Address.ToString(CultureInfo.InvariantCulture) == address)
                    ?? throw new HypervisorException($"{qmp.Path}: query-memory-devices does not tell of the virtio-mem device {path}");
                virtioMem.Add(new(path, state.Address, state.Max, state.Block));
            }
            else if (type == "virtserialport"
                && await GetAsync(qmp, path, "name", cancellation).ConfigureAwait(false) == QemuCommandLine.AgentPort)
            {
                agentPort = path;
            }
        }

        virtioMem.Sort((a, b) => a.Address.CompareTo(b.Address));
        return new(
            QmpJson.Size(summary, "base-memory"),
            balloon,
            virtioMem.ToImmutable(),
            agentPort is null ? null : await FindAgentSocketAsync(qmp, agentPort, cancellation).ConfigureAwait(false));
    }

    public VmCapabilities Describe(string? balloonFault)
    {
        var lacks = ImmutableArray.CreateBuilder<string>();
        if (VirtioMem.IsEmpty)
            lacks.Add("it has no virtio-mem device: it can't grow beyond its boot memory");
        if (BalloonPath is null)
            lacks.Add("it has no virtio-balloon device: it can't give boot memory back, and without an agent nothing tells what it needs");
        else if (balloonFault is not null)
            lacks.Add($"its balloon can't be used: {balloonFault}");
        if (AgentSocket is null)
        {
            lacks.Add($"it has no channel {QemuCommandLine.AgentPort} that DMM can connect to: "
                + "what it needs is known from balloon statistics at best, seconds late");
        }

        return new(BalloonPath is not null && balloonFault is null, PluggableMax, BlockSize, lacks.ToImmutable());
    }

    private static async Task<List<(string Path, string Type)>> ListAsync(QmpClient qmp, CancellationToken cancellation)
    {
        var found = new List<(string, string)>();
        foreach (var container in Containers)
        {
            var list = await qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = container }, cancellation).ConfigureAwait(false);
            foreach (var item in QmpJson.Items(list))
            {
                const string child = "child<";
                var type = QmpJson.Text(item, "type");
                if (type.StartsWith(child, StringComparison.Ordinal))
                    found.Add(($"{container}/{QmpJson.Text(item, "name")}", type[child.Length..^1]));
            }
        }

        return found;
    }

    /// <summary>
    /// QEMU tells the socket of a channel as <c>unix:PATH,server=on</c>, with <c>disconnected:</c> before it while nobody listens.
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
