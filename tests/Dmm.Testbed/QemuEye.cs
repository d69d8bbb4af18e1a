using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Testbed;

/// <summary>A VM's memory as QEMU itself reports it.</summary>
/// <param name="Base">The memory that it booted with, and DIMMs.</param>
/// <param name="Plugged">The memory that its virtio-mem devices hold.</param>
/// <param name="PluggedTarget">The memory that they were last told to hold.</param>
/// <param name="Ballooned">The memory that its balloon holds back.</param>
public sealed record QemuSight(MemorySize Base, MemorySize Plugged, MemorySize PluggedTarget, MemorySize Ballooned)
{
    /// <summary>The number of its virtio-mem devices.</summary>
    public int Devices { get; init; }

    /// <summary>The most that the virtio-mem devices may become together, from what each was told.</summary>
    public MemorySize PluggedMost { get; init; }

    public MemorySize Actual => (Base + Plugged).MinusOrZero(Ballooned);
}

/// <summary>Looks at a VM without DMM, through the QMP socket that is there for its operator.</summary>
public sealed class QemuEye : IAsyncDisposable
{
    private readonly QmpClient _qmp;

    private QemuEye(QmpClient qmp) => _qmp = qmp;

    /// <param name="socket"><c>operatorQmp</c> of <c>dmm vm show</c>.</param>
    public static async Task<QemuEye> OpenAsync(string socket, CancellationToken cancellation) =>
        new(await QmpClient.ConnectAsync(
            socket, new QmpOptions { Deadline = TimeSpan.FromSeconds(15) }, TimeProvider.System, cancellation));

    public async Task<QemuSight> LookAsync(CancellationToken cancellation)
    {
        var boot = SizeOf(await _qmp.ExecuteAsync("query-memory-size-summary", null, cancellation), "base-memory");
        var devices = MemoryDeviceState.ParseAll(await _qmp.ExecuteAsync("query-memory-devices", null, cancellation));
        var balloon = SizeOf(await _qmp.ExecuteAsync("query-balloon", null, cancellation), "actual");
        var virtioMem = devices.Where(device => device.IsVirtioMem).ToArray();
        var dimms = devices.Where(device => device.IsDimm).Aggregate(MemorySize.Zero, (sum, device) => sum + device.Size);
        var plugged = virtioMem.Aggregate(MemorySize.Zero, (sum, device) => sum + device.Size);
        var target = virtioMem.Aggregate(MemorySize.Zero, (sum, device) => sum + device.Requested);
        return new(boot + dimms, plugged, target, (boot + dimms).MinusOrZero(balloon))
        {
            Devices = virtioMem.Length,
            PluggedMost = virtioMem.Aggregate(MemorySize.Zero, (sum, device) => sum + MemorySize.Max(device.Size, device.Requested)),
        };
    }

    /// <summary>Presses the VM's power button without DMM.</summary>
    public Task PressPowerAsync(CancellationToken cancellation) => _qmp.ExecuteAsync("system_powerdown", null, cancellation);

    /// <summary>Sends QEMU a command without DMM, and returns its answer.</summary>
    public Task<JsonElement> TellAsync(string command, JsonObject? arguments, CancellationToken cancellation) =>
        _qmp.ExecuteAsync(command, arguments, cancellation);

    public ValueTask DisposeAsync() => _qmp.DisposeAsync();

    private static MemorySize SizeOf(JsonElement answer, string name) =>
        answer.TryGetProperty(name, out var value) && value.TryGetInt64(out var bytes)
            ? new(bytes)
            : throw new TestbedException($"QEMU's answer has no {name}: {answer.GetRawText()}");
}
