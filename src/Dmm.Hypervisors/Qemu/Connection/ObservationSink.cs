using Dmm.Core.Ports;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Keeps the port's guarantees: one observation at a time, in order, none after the last one and none after the connection was closed.
/// </summary>
internal sealed class ObservationSink(Action<VmObservation> observe, Action<string> log)
{
    private readonly Lock _gate = new();
    private bool _closed;

    public void Tell(VmObservation observation)
    {
        lock (_gate)
        {
            if (!_closed)
                Deliver(observation);
        }
    }

    public void TellLast(VmObservation observation)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
            Deliver(observation);
        }
    }

    public void Close()
    {
        lock (_gate)
            _closed = true;
    }

    /// <summary>Delivers one observation. An observer that throws has a fault, but it must still get the VM's other facts.</summary>
    private void Deliver(VmObservation observation)
    {
        try
        {
            observe(observation);
        }
        catch (Exception e)
        {
            log($"an observer failed on {observation.GetType().Name}: {e}");
        }
    }
}
