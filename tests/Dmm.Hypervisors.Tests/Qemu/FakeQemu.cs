using System.Text.Json;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>
/// The part of QEMU that the driver speaks with: a machine with a virtio-mem device and a balloon whose guest does what a test says. The
/// devices have no ids that DMM would give, as in a VM that somebody else started.
/// </summary>
internal sealed class FakeQemu : IAsyncDisposable
{
    public const long Mib = 1 << 20;

    private readonly FakeQmpServer _server;
    private readonly Lock _gate = new();
    private FakeQmpServer.Connection? _peer;
    private TaskCompletionSource _hangUp = new();

    public FakeQemu(string path) => _server = new FakeQmpServer(path, ServeAsync);

    public bool HasVirtioMem { get; init; } = true;

    public bool HasBalloon { get; init; } = true;

    public string? AgentSocket { get; init; }

    /// <summary>Answers nothing any more.</summary>
    public bool Frozen { get; set; }

    /// <summary>What query-balloon is refused with.</summary>
    public string? BalloonRefusal { get; set; }

    public long BootBytes { get; init; } = 256 * Mib;

    public long DimmBytes { get; init; }

    public long PluggedBytes { get; set; }

    public long RequestedBytes { get; set; }

    public long BalloonActualBytes { get; set; } = 256 * Mib;

    public string GuestStatistics { get; set; } = """{"stats": {}, "last-update": 0}""";

    /// <summary>Each command with its arguments, in the order in which they came.</summary>
    public List<string> Heard { get; } = [];

    public int Connections => _server.Connections;

    public VmHandle Handle => new(VmId.Parse("fake"), "qemu", new MemorySize(BootBytes), _server.Path, null, null, null, Owned: false);

    public int Count(string command)
    {
        lock (_gate)
            return Heard.Count(h => h.StartsWith(command, StringComparison.Ordinal));
    }

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
            lock (_gate)
                Heard.Add($"{command.Name} {command.Arguments}".TrimEnd());
            if (!Frozen)
                await AnswerAsync(peer, command);
        }
    }

    private Task AnswerAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command) => command.Name switch
    {
        "query-memory-size-summary" => peer.ReturnAsync(command.Id, $$"""{"base-memory": {{BootBytes}}, "plugged-memory": 0}"""),
        "query-memory-devices" => peer.ReturnAsync(command.Id, MemoryDevices()),
        "query-balloon" when BalloonRefusal is { } words => peer.RefuseAsync(command.Id, "KVMMissingCap", words),
        "query-balloon" => peer.ReturnAsync(command.Id, $$"""{"actual": {{BalloonActualBytes}}}"""),
        "qom-list" => peer.ReturnAsync(command.Id, Children(command.Arguments.GetProperty("path").GetString()!)),
        "qom-get" => peer.ReturnAsync(command.Id, Property(command.Arguments.GetProperty("property").GetString()!)),
        "qom-set" => SetAsync(peer, command),
        "query-chardev" => peer.ReturnAsync(
            command.Id, $$"""[{"label": "c", "frontend-open": false, "filename": "disconnected:unix:{{AgentSocket}},server=on"}]"""),
        "balloon" or "system_powerdown" => peer.ReturnAsync(command.Id),
        "quit" => QuitAsync(peer, command),
        _ => peer.RefuseAsync(command.Id, "CommandNotFound", $"The command {command.Name} has not been found"),
    };

    private Task SetAsync(FakeQmpServer.Connection peer, FakeQmpServer.Command command)
    {
        if (command.Arguments.GetProperty("property").GetString() == "requested-size")
            RequestedBytes = command.Arguments.GetProperty("value").GetInt64();
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
        return $"[{string.Join(',', devices)}]".ReplaceLineEndings(" ");
    }

    private string Children(string path)
    {
        if (path != "/machine/peripheral-anon")
            return """[{"name": "type", "type": "string"}]""";
        var children = new List<string>();
        if (HasVirtioMem)
            children.Add("""{"name": "device[0]", "type": "child<virtio-mem-pci>"}""");
        if (HasBalloon)
            children.Add("""{"name": "device[1]", "type": "child<virtio-balloon-pci>"}""");
        if (AgentSocket is not null)
            children.Add("""{"name": "device[2]", "type": "child<virtserialport>"}""");
        return $"[{string.Join(',', children)}]";
    }

    private string Property(string name) => name switch
    {
        "memaddr" => "4294967296",
        "guest-stats" => GuestStatistics,
        "name" => "\"org.dmm.guest.0\"",
        "chardev" => "\"c\"",
        _ => JsonSerializer.Serialize(name),
    };
}
