using Dmm.Core.Ports;

namespace Dmm.Actors.Vms;

/// <summary>
/// A connection to a VM that is being made by a task. The task may outlive the actor that wants the connection, and an ended actor reads
/// no messages. Making and giving up may come in either order: the later one sees the earlier one, so that an unused connection is always
/// closed. A connection left open would block the next one: QEMU's monitor serves one client at a time.
/// </summary>
internal sealed class ConnectionAttempt
{
    private readonly Lock _lock = new();
    private IVirtualMachine? _made;
    private bool _givenUp;

    /// <returns>False where the attempt was given up meanwhile: the caller must close the connection.</returns>
    public bool Keep(IVirtualMachine made)
    {
        lock (_lock)
        {
            if (!_givenUp)
                _made = made;
            return !_givenUp;
        }
    }

    /// <returns>The connection to close; null where none was made, or it was already taken.</returns>
    public IVirtualMachine? GiveUp()
    {
        lock (_lock)
        {
            var made = _made;
            (_made, _givenUp) = (null, true);
            return made;
        }
    }
}
