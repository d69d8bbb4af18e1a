using System.Collections.Concurrent;
using System.Text.Json;
using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>
/// The part of QEMU that the driver talks to: a machine with a virtio-mem device and a balloon, whose guest does what a test says. The
/// devices have no ids of DMM's, as in a VM that somebody else started. The driver may still talk to it while a test reads it, so it
/// returns copies.
/// </summary>
internal sealed class FakeQemu : IAsyncDisposable
{
    public const long Mib = 1 << 20;

    private readonly FakeQmpServer _server;
    private readonly Lock _gate = new();
    private readonly List<Device> _added = [];
    private readonly List<string> _heard = [];
    private FakeQmpServer.Connection? _peer;
    private TaskCompletionSource _hangUp = new();

    public FakeQemu(string path) => _server = new FakeQmpServer(path, ServeAsync);

    public bool HasVirtioMem { get; init; } = true;

    public bool HasBalloon { get; init; } = true;

    public string? AgentSocket { get; init; }

    /// <summary>Address space for memory devices and slots for DIMMs, as <c>-m maxmem=…,slots=…</c> gives them.</summary>
    public long MaxBytes { get; init; } = 512L * 1024 * Mib;

    public int Slots { get; init; } = 32;

    /// <summary>The number of root ports that were given to DMM for further virtio-mem devices.</summary>
    public int SparePorts { get; init; } = 4;

    /// <summary>The ids of its other root ports.</summary>
    public string[] OtherPorts { get; init; } = [];

    /// <summary>
    /// The object with its boot memory: its id and type, its entry in query-memdev, and the properties that only its type has, as JSON.
    /// </summary>
    public (string Id, string Type, string Facts, string Properties) BootMemory { get; init; } =
        ("pc.ram", "memory-backend-ram", """{"share": false, "policy": "default", "host-nodes": []}""", "{}");

    /// <summary>Whether the machine names that object; one with several nodes does not.</summary>
    public bool NamesBootMemory { get; init; } = true;

    /// <summary>The error with which device_add is refused.</summary>
    public string? DeviceRefusal { get; set; }

    /// <summary>The objects and their sizes.</summary>
    public ConcurrentDictionary<string, long> Objects { get; } = new() { ["x"] = 16L * 1024 * Mib };

    /// <summary>The devices that were added, in order.</summary>
    public IReadOnlyList<Device> Added
    {
        get
        {
            lock (_gate)
                return [.. _added];
        }
    }

    /// <summary>The answer to query-status; null: this QEMU refuses it.</summary>
    public string? Status { get; set; } = "running";

    /// <summary>The address of the guest's memory that gpa2hva reports; null: it refuses.</summary>
    public ulong? MemoryAddress { get; init; }

    /// <summary>The threads that it reports as its virtual CPUs.</summary>
    public int[] Threads { get; init; } = [];

    /// <summary>True: it answers nothing any more.</summary>
    public bool Frozen { get; set; }

    /// <summary>The error with which query-balloon is refused.</summary>
    public string? BalloonRefusal { get; set; }

    public long BootBytes { get; init; } = 256 * Mib;

    public long DimmBytes { get; init; }

    public long PluggedBytes { get; set; }

    public long RequestedBytes { get; set; }

    public long BalloonActualBytes { get; set; } = 256 * Mib;

    /// <summary>Whether it runs under KVM, as JSON; null: this QEMU refuses to say.</summary>
    public string? KvmEnabled { get; init; }

    /// <summary>The period of the guest's balloon statistics; zero: it sends none.</summary>
    public long PollingSeconds { get; set; }

    public string GuestStatistics { get; set; } = """{"stats": {}, "last-update": 0}""";

    /// <summary>The commands with their arguments, in the order in which they came.</summary>
    public IReadOnlyList<string> Heard
    {
        get
        {
            lock (_gate)
                return [.. _heard];
        }
    }

    public int Connections => _server.Connections;

    public VmHandle Handle => new(VmId.Parse("fake"), "qemu", new MemorySize(BootBytes), _server.Path, null, null, null, Owned: false);

    /// <summary>A device that device_add made.</summary>
    internal sealed record Device(string Id, string Driver, string Memory, string? Bus)
    {
        public long Requested { get; set; }

        public long Plugged { get; set; }

        public long Block { get; init; } = 2 * Mib;

        /// <summary>False for a DIMM of the command line.</summary>
        public bool Hotplugged { get; init; } = true;
    }

    /// <summary>The most that all virtio-mem devices could have become together, at any moment since this was set to zero.</summary>
    public long Most { get; set; }

    /// <summary>Adds a device, as if by somebody else.</summary>
    public void Add(Device device)
    {
        lock (_gate)
            _added.Add(device);
    }

    /// <summary>Removes a device without an event.</summary>
    public void Remove(string id)
    {
        lock (_gate)
            _added.RemoveAll(d => d.Id == id);
    }

    /// <summary>Removes a DIMM that the guest gave back, with its events.</summary>
    public async Task TakeAwayAsync(string id)
    {
        Remove(id);
        await TellAsync("DEVICE_DELETED", $$"""{"device": "{{id}}", "path": "/machine/peripheral/{{id}}"}""");
        await TellAsync("ACPI_DEVICE_OST", """{"info": {"source": 3, "status": 0, "slot": "0", "slot-type": "DIMM"}}""");
    }

    /// <summary>Sends a guest's answer to the request to give back a DIMM: 132 it begins, 130 it refuses.</summary>
    public Task AnswerEjectionAsync(string id, int status) => TellAsync(
        "ACPI_DEVICE_OST",
        $$$"""{"info": {"device": "{{{id}}}", "source": 3, "status": {{{status}}}, "slot": "0", "slot-type": "DIMM"}}""");

    public int Count(string command) => Heard.Count(h => h.StartsWith(command, StringComparison.Ordinal));

    public Task TellAsync(string name, string data = "{}") => _peer!.TellAsync(name, data);

    /// <summary>Closes the connection; the socket stays.</summary>
    public void HangUp() => Interlocked.Exchange(ref _hangUp, new TaskCompletionSource()).SetResult();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ServeAsync(FakeQmpServer.Connection peer)
    {
        var hangUp = _hangUp.Task;
        await peer.GreetAsync();
        _peer = peer;
        while (true)
        {
            var reading = peer.ReadAsync();
            if (await Task.WhenAny(reading, hangUp) == hangUp)
                return;
            var command = await reading;
            Task? answer = null;
            lock (_gate)
            {
                _heard.Add($"{command.Name} {command.Arguments}".TrimEnd());
                if (!Frozen)
                    answer = AnswerAsync(peer, command);
            }

            if (answer is not null)
                await answer;
        }
    }

    /// <summary>Runs under the gate, so that the content of an answer and its effect are one step.</summary>
    private Task AnswerAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command) => command.Name switch
    {
        "query-memory-size-summary" => peer.ReturnAsync(command.Id, $$"""{"base-memory": {{BootBytes}}, "plugged-memory": 0}"""),
        "query-memory-devices" => peer.ReturnAsync(command.Id, MemoryDevices()),
        "query-kvm" when KvmEnabled is { } enabled => peer.ReturnAsync(command.Id, $$"""{"enabled": {{enabled}}, "present": true}"""),
        "query-memdev" => peer.ReturnAsync(
            command.Id, $"[{{\"id\": \"{BootMemory.Id}\", {BootMemory.Facts[1..]}]"),
        "query-balloon" when BalloonRefusal is { } words => peer.RefuseAsync(command.Id, "KVMMissingCap", words),
        "query-balloon" => peer.ReturnAsync(command.Id, $$"""{"actual": {{BalloonActualBytes}}}"""),
        "qom-list" => peer.ReturnAsync(command.Id, Children(command.Arguments.GetProperty("path").GetString()!)),
        "qom-get" => peer.ReturnAsync(
            command.Id,
            Property(command.Arguments.GetProperty("path").GetString()!, command.Arguments.GetProperty("property").GetString()!)),
        "object-add" => AddObjectAsync(peer, command),
        "object-del" => DeleteObjectAsync(peer, command),
        "device_add" when DeviceRefusal is { } words => peer.RefuseAsync(command.Id, "GenericError", words),
        "device_add" => AddDeviceAsync(peer, command),
        "device_del" => _added.Exists(d => d.Id == IdIn(command))
            ? peer.ReturnAsync(command.Id)
            : peer.RefuseAsync(command.Id, "DeviceNotFound", $"Device '{IdIn(command)}' not found"),
        "qom-set" => SetAsync(peer, command),
        "query-chardev" => peer.ReturnAsync(
            command.Id, $$"""[{"label": "c", "frontend-open": false, "filename": "disconnected:unix:{{AgentSocket}},server=on"}]"""),
        "query-status" when Status is { } status => peer.ReturnAsync(
            command.Id, $$"""{"status": "{{status}}", "running": {{(status == "running" ? "true" : "false")}}, "singlestep": false}"""),
        "human-monitor-command" when MemoryAddress is { } address =>
        peer.ReturnAsync(command.Id, $"\"Host virtual address for 0x0 ({BootMemory.Id}) is 0x{address:x}\\r\\n\""),
        "query-cpus-fast" =>
        peer.ReturnAsync(
            command.Id, $"[{string.Join(", ", Threads.Select((tid, i) => $$"""{"cpu-index": {{i}}, "thread-id": {{tid}}}"""))}]"),
        "balloon" or "system_powerdown" => peer.ReturnAsync(command.Id),
        "quit" => QuitAsync(peer, command),
        _ => peer.RefuseAsync(command.Id, "CommandNotFound", $"The command {command.Name} has not been found"),
    };

    private static string IdIn(FakeQmpServer.Command command) => command.Arguments.GetProperty("id").GetString()!;

    private Task AddObjectAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command)
    {
        return Objects.TryAdd(IdIn(command), command.Arguments.GetProperty("size").GetInt64())
            ? peer.ReturnAsync(command.Id)
            : peer.RefuseAsync(
                command.Id, "GenericError", $"attempt to add duplicate property '{IdIn(command)}' to object (type 'container')");
    }

    private Task DeleteObjectAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command)
    {
        if (_added.Exists(d => d.Memory == IdIn(command)))
            return peer.RefuseAsync(command.Id, "GenericError", $"object '{IdIn(command)}' is in use, can not be deleted");
        return Objects.TryRemove(IdIn(command), out _)
            ? peer.ReturnAsync(command.Id)
            : peer.RefuseAsync(command.Id, "GenericError", $"object '{IdIn(command)}' not found");
    }

    private Task AddDeviceAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command)
    {
        var its = command.Arguments;
        var bus = its.TryGetProperty("bus", out var port) ? port.GetString() : null;
        _added.Add(new(IdIn(command), its.GetProperty("driver").GetString()!, its.GetProperty("memdev").GetString()!, bus));
        return peer.ReturnAsync(command.Id);
    }

    private Task SetAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command)
    {
        var path = command.Arguments.GetProperty("path").GetString()!;
        var property = command.Arguments.GetProperty("property").GetString();
        if (property == "guest-stats-polling-interval")
            PollingSeconds = command.Arguments.GetProperty("value").GetInt64();
        if (property == "requested-size")
        {
            var size = command.Arguments.GetProperty("value").GetInt64();
            if (_added.Find(d => path.EndsWith("/" + d.Id, StringComparison.Ordinal)) is { } added)
                added.Requested = size;
            else
                RequestedBytes = size;
            Most = Math.Max(Most, Math.Max(PluggedBytes, RequestedBytes) + _added.Sum(d => Math.Max(d.Plugged, d.Requested)));
        }

        return peer.ReturnAsync(command.Id);
    }

    private async Task QuitAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command)
    {
        await peer.ReturnAsync(command.Id);
        await peer.TellAsync("SHUTDOWN", """{"guest": false, "reason": "host-qmp-quit"}""");
        File.Delete(_server.Path);
        HangUp();
    }

    private string MemoryDevices()
    {
        var devices = new List<string>();
        if (HasVirtioMem)
        {
            devices.Add($$$"""
                {"type": "virtio-mem", "data": {"memdev": "/objects/x", "memaddr": 4294967296, "block-size": 2097152,
                 "size": {{{PluggedBytes}}}, "node": 0, "max-size": 17179869184, "requested-size": {{{RequestedBytes}}}}}
                """);
        }

        if (DimmBytes > 0)
            devices.Add($$$"""{"type": "dimm", "data": {"addr": 21474836480, "size": {{{DimmBytes}}}, "slot": 0, "hotplugged": true}}""");
        devices.AddRange(_added.Select(Describe));
        return $"[{string.Join(',', devices)}]".ReplaceLineEndings(" ");
    }

    private string Describe(Device device, int index) => device.Driver == "pc-dimm"
        ? $$$"""
            {"type": "dimm", "data": {"id": "{{{device.Id}}}", "memdev": "/objects/{{{device.Memory}}}", "addr": {{{AddressOf(index)}}},
             "size": {{{Objects[device.Memory]}}}, "slot": {{{index + 1}}}, "hotplugged": {{{(device.Hotplugged ? "true" : "false")}}}}}
            """
        : $$$"""
            {"type": "virtio-mem", "data": {"id": "{{{device.Id}}}", "memdev": "/objects/{{{device.Memory}}}",
             "memaddr": {{{AddressOf(index)}}},
             "block-size": {{{device.Block}}}, "size": {{{device.Plugged}}}, "max-size": {{{Objects[device.Memory]}}},
             "requested-size": {{{device.Requested}}}}}
            """;

    private static long AddressOf(int index) => (1L << 36) + (index * (1L << 33));

    private string Children(string path) => path switch
    {
        "/objects" => Listed(
            Objects.Keys.Select(id => (id, "child<memory-backend-ram>")).Append((BootMemory.Id, $"child<{BootMemory.Type}>"))),
        "/machine/peripheral" => Listed(
            [
                .. Enumerable.Range(0, SparePorts).Select(n => $"dmm-spare{n}").Concat(OtherPorts)
                    .Select(port => (port, "child<pcie-root-port>")),
                .. _added.Select(d => (d.Id, $"child<{d.Driver}>")),
            ]),
        "/machine/peripheral-anon" => Listed(Anonymous()),
        _ => Listed(_added.Where(d => path == $"/machine/peripheral/{d.Bus}/{d.Bus}").Select(d => ("child[0]", $"link<{d.Driver}>"))),
    };

    private IEnumerable<(string Name, string Type)> Anonymous()
    {
        if (HasVirtioMem)
            yield return ("device[0]", "child<virtio-mem-pci>");
        if (HasBalloon)
            yield return ("device[1]", "child<virtio-balloon-pci>");
        if (AgentSocket is not null)
            yield return ("device[2]", "child<virtserialport>");
    }

    /// <summary>The properties of an object in QEMU's format, including its type.</summary>
    private static string Listed(IEnumerable<(string Name, string Type)> children) =>
        $"[{string.Join(", ", children.Prepend(("type", "string")).Select(c => $$"""{"name": "{{c.Item1}}", "type": "{{c.Item2}}"}"""))}]";

    private string Property(string path, string name) => name switch
    {
        "memory-backend" => NamesBootMemory ? $"\"/objects/{BootMemory.Id}\"" : "\"\"",
        _ when path == $"/objects/{BootMemory.Id}" => JsonDocument.Parse(BootMemory.Properties).RootElement.GetProperty(name).GetRawText(),
        "memory" => $$"""{"size": {{BootBytes}}, "slots": {{Slots}}, "max-size": {{MaxBytes}}}""",
        "memaddr" when _added.FindIndex(d => path.EndsWith("/" + d.Id, StringComparison.Ordinal)) is >= 0 and var index =>
        $"{AddressOf(index)}",
        "memaddr" => "4294967296",
        "guest-stats" => GuestStatistics,
        "guest-stats-polling-interval" => $"{PollingSeconds}",
        "name" => "\"org.dmm.guest.0\"",
        "chardev" => "\"c\"",
        _ => JsonSerializer.Serialize(name),
    };
}
