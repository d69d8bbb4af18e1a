using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Dmm.Fuzz.Targets;

/// <summary>
/// A QMP server that answers each command with the next line of an input, whatever it is; '@' stands for the command's number. When no
/// line is left, it answers as a QEMU with a virtio-mem device, a balloon and an agent's port does.
/// </summary>
internal sealed class LyingQemu : IAsyncDisposable
{
    /// <summary>Valid lines, those that answer a driver's first commands in their order.</summary>
    public static readonly string[] Lines =
    [
        """{"return": {}, "id": @}""",
        """{"return": {"base-memory": 268435456, "plugged-memory": 0}, "id": @}""",
        """{"return": [], "id": @}""",
        """{"return": {"base-memory": 268435456, "plugged-memory": 0}, "id": @}""",
        """{"return": [{"type": "virtio-mem", "data": {"memdev": "/objects/x", "memaddr": 4294967296, "block-size": 2097152, "size": 0, """
            + """ "node": 0, "max-size": 17179869184, "requested-size": 0}}, {"type": "dimm", "data": {"addr": 21474836480, """
            + """ "size": 134217728, "slot": 0, "id": "dimm0", "memdev": "/objects/dimm0-memory", "hotplugged": true}}], "id": @}""",
        """{"return": [{"name": "type", "type": "string"}, {"name": "spare0", "type": "child<pcie-root-port>"}], "id": @}""",
        """{"return": [], "id": @}""",
        """{"return": [{"name": "type", "type": "string"}, {"name": "device[0]", "type": "child<virtio-mem-pci>"}, """
            + """ {"name": "device[1]", "type": "child<virtio-balloon-pci>"}, {"name": "device[2]", "type": "child<virtserialport>"}], """
            + """ "id": @}""",
        """{"return": 4294967296, "id": @}""",
        """{"return": "org.dmm.guest.0", "id": @}""",
        """{"return": "c", "id": @}""",
        """{"return": [{"label": "c", "frontend-open": false, "filename": "disconnected:unix:/nowhere/agent,server=on"}], "id": @}""",
        """{"return": {"size": 268435456, "slots": 32, "max-size": 549755813888}, "id": @}""",
        """{"return": [{"name": "x", "type": "child<memory-backend-ram>"}], "id": @}""",
        """{"return": {"actual": 268435456}, "id": @}""",
        """{"return": {"stats": {"stat-total-memory": 260000000, "stat-free-memory": 100000000, "stat-available-memory": 150000000, """
            + """ "stat-disk-caches": 18446744073709551615, "stat-major-faults": 7}, "last-update": 1700000000}, "id": @}""",
        """{"return": {"status": "running", "singlestep": false, "running": true}, "id": @}""",
        """{"return": "Host virtual address for 0x0 (pc.ram) is 0x7f0000000000\r\n", "id": @}""",
        """{"return": [{"cpu-index": 0, "thread-id": 1}], "id": @}""",
        """{"id": @, "error": {"class": "GenericError", "desc": "the guest does not want to"}}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "MEMORY_DEVICE_SIZE_CHANGE", "data": {"size": 1, "qom-path": "/x"}}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "ACPI_DEVICE_OST", "data": {"info": {"device": "dimm0", """
            + """ "source": 3, "status": 0, "slot": "0", "slot-type": "DIMM"}}}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "DEVICE_DELETED", "data": {"device": "dimm0", "path": "/x"}}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}""",
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}""",
    ];

    private static readonly byte[] Greeting = Encoding.UTF8.GetBytes(Lines[^1] + "\n");

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private readonly Queue<byte[]> _lies;
    private readonly Lock _gate = new();
    private readonly Task _serving;
    private NetworkStream? _stream;

    public LyingQemu(string path, byte[] input)
    {
        Path = path;
        _lies = new(Split(input));
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _serving = ServeAllAsync();
    }

    public string Path { get; }

    /// <summary>The input with the number of a command in the place of each '@'.</summary>
    public static byte[] Numbered(byte[] line, long id) =>
        Array.IndexOf(line, (byte)'@') < 0
            ? line
            : Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(line).Replace("@", $"{id}", StringComparison.Ordinal));

    /// <summary>Sends what is left of the input as if it were events.</summary>
    public async Task TellEventsAsync()
    {
        while (Next() is { } line && _stream is { } stream)
        {
            try
            {
                await stream.WriteAsync(Numbered(line, 1_000_000), _stop.Token);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving;
        File.Delete(Path);
        _stop.Dispose();
    }

    private static IEnumerable<byte[]> Split(byte[] input)
    {
        var from = 0;
        for (var at = 0; at < input.Length; at++)
        {
            if (input[at] != (byte)'\n')
                continue;
            yield return input[from..(at + 1)];
            from = at + 1;
        }
    }

    private byte[]? Next()
    {
        lock (_gate)
            return _lies.TryDequeue(out var line) ? line : null;
    }

    private async Task ServeAllAsync()
    {
        try
        {
            while (true)
            {
                using var socket = await _listener.AcceptAsync(_stop.Token);
                await ServeAsync(socket);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            using var reader = new StreamReader(_stream = new NetworkStream(socket, ownsSocket: false), Encoding.UTF8);
            await _stream.WriteAsync(Greeting, _stop.Token);
            while (await reader.ReadLineAsync(_stop.Token) is { } command)
            {
                using var read = JsonDocument.Parse(command);
                var id = read.RootElement.GetProperty("id").GetInt64();
                await _stream.WriteAsync(Next() is { } lie ? Numbered(lie, id) : Honest(read.RootElement, id), _stop.Token);
            }
        }
        catch (IOException)
        {
            // The driver has closed the connection.
            return;
        }
    }

    private static byte[] Honest(JsonElement command, long id)
    {
        var arguments = command.TryGetProperty("arguments", out var given) ? given : default;
        var line = command.GetProperty("execute").GetString() switch
        {
            "query-memory-size-summary" => Lines[1],
            "query-memory-devices" => Lines[4],
            "query-chardev" => Lines[11],
            "query-balloon" => Lines[14],
            "query-status" => Lines[16],
            "qom-list" => arguments.GetProperty("path").GetString() switch
            {
                "/machine/peripheral-anon" => Lines[7],
                "/objects" => Lines[13],
                _ => Lines[2],
            },
            "qom-get" => arguments.GetProperty("property").GetString() switch
            {
                "memory" => Lines[12],
                "memaddr" => Lines[8],
                "guest-stats" => Lines[15],
                "name" => Lines[9],
                "chardev" => Lines[10],
                _ => Lines[0],
            },
            "qmp_capabilities" or "qom-set" or "balloon" or "object-add" or "device_add" => Lines[0],
            _ => Lines[19],
        };
        return Numbered(Encoding.UTF8.GetBytes(line + "\n"), id);
    }
}
