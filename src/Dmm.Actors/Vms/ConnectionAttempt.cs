using Dmm.Core.Ports;

namespace Dmm.Actors.Vms;

/// <summary>
/// A connection to a VM that is being made, by a task that may outlive whoever wants it: an actor that has ended reads no message any more.
/// Whichever comes last, its being made or its being given up, knows of the other, so that it is always closed. One that stays open would
/// keep the next out: QEMU's monitor serves one client at a time.
/// </summary>
internal sealed class ConnectionAttempt
{
    private readonly Lock _lock = new();
    private IVirtualMachine? _made;
    private bool _givenUp;

    /// <returns>False where it was given up meanwhile: it is to be closed.</returns>
    public bool Keep(IVirtualMachine made)
    {
        lock (_lock)
        {
            if (!_givenUp)
                _made = made;
            return !_givenUp;
        }
    }

    /// <returns>What is to be closed; null where nothing was made, or nothing is left of it.</returns>
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
