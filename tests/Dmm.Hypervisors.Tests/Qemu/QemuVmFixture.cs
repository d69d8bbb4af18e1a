using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>A VM in hand with a fake QEMU, on virtual time.</summary>
public abstract class QemuVmFixture : IDisposable
{
    private readonly TestFolder _folder = new();

    private protected readonly FakeTimeProvider _time = new();
    private protected readonly Observed _observed = new();

    /// <summary>
    /// The deadline of a command. It is long, since virtual time may run far ahead of a fake that a busy machine delays; only a test of
    /// an answer that never comes has a short one.
    /// </summary>
    private protected TimeSpan _patience = TimeSpan.FromHours(1);

    private protected string Socket => _folder.In("q");

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A small step, so that the real round trips between two steps stay far from the deadlines of the virtual time.</summary>
    private protected void Tick() => _time.Advance(TimeSpan.FromMilliseconds(100));

    private protected QemuHypervisor Hypervisor() =>
        new(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg, CommandDeadline = _patience }, _time);

    private protected Task<IVirtualMachine> ConnectAsync(FakeQemu qemu, Action<VmObservation>? observe = null) =>
        Hypervisor().ConnectAsync(qemu.Handle, observe ?? _observed.Take, default).InTime();
}
