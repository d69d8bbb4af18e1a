using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Core;

/// <summary>
/// What a driver tells its VM's actor: facts in their order, each perhaps late, twice or (sizes) not at all. Answers to calls come behind
/// the sizes that were read for them.
/// </summary>
internal sealed class DriverConnection(World world, SimulatedProcess vm, VmShell shell, int number)
{
    private readonly Line _facts = new(world.Agenda);

    /// <summary>A hypervisor does not tell what its balloon was asked for: who is connected anew knows it when it has asked.</summary>
    private bool _balloonTold;

    public bool Broken { get; private set; }

    private VmSizes Sizes => _balloonTold ? vm.Guest.Sizes : vm.Guest.Sizes.WithBalloonUnsure();

    public void BalloonTold() => _balloonTold = true;

    public void TellSizes(bool always = false) => Tell(vm.Sizes with { Value = Sizes }, always);

    /// <param name="always">The first facts of a connection are never lost.</param>
    public void Tell(VmObservation fact, bool always = false)
    {
        if (Broken)
            return;
        if (!always && fact is VmObservation.Sizes && world.Befalls(Fault.ObservationLost, 20))
            return;
        var times = world.Befalls(Fault.ObservationTwice, 30) ? 2 : 1;
        for (var i = 0; i < times; i++)
            _facts.Send(world.Delay(Fault.ObservationLate), () => shell.Observed(number, fact));
    }

    /// <summary>A call is through: the sizes that were read for it are told, then this.</summary>
    public void Answer(Action answered)
    {
        TellSizes(always: true);
        _facts.Send(world.Delay(Fault.MessageLate), answered);
    }

    /// <summary>
    /// The VM is in hand: told behind the sizes that were read for that, as a driver's connecting ends behind what it has told.
    /// </summary>
    public void Ready(Action inHand) => _facts.Send(world.Delay(Fault.MessageLate), inHand);

    /// <summary>The last fact of this connection.</summary>
    public void TellLast(VmObservation fact)
    {
        if (Broken)
            return;
        Broken = true;
        _facts.Send(world.Delay(Fault.ObservationLate), () => shell.Observed(number, fact));
    }

    public void Close() => Broken = true;
}
