using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// A VM's machine: <c>Decide(vm, message, now) → (vm', effects)</c>. It owns the VM's memory (which <see cref="HotplugMachine"/> resizes),
/// its connection, the queue of calls to its driver, its boot watch and its end. It knows no actor, no clock and no driver: the daemon and
/// the simulations use the same one.
/// </summary>
public sealed class VmMachine(VmSettings settings)
{
    public VmSettings Settings { get; } = settings;

    public Vm New(VmId id) => new(id, new() { Profile = Settings.Profile });

    public VmDecision Decide(Vm vm, IVmMessage message, Clocks now)
    {
        var turn = new VmTurn(Settings, vm, now);
        turn.Take(message);
        return turn.End();
    }
}
