using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>
/// The facts that a driver tells its VM's actor, in their order. Each may be late, come twice or (sizes) not at all. The answer to a call
/// comes behind the sizes that were read for it.
/// </summary>
internal sealed class DriverConnection(CoreWorld world, CoreVm vm, VmShell shell, int number)
{
    private readonly Line _facts = new(world.Agenda);

    /// <summary>A hypervisor does not report the balloon's target by itself: a new connection knows it only after it has asked.</summary>
    private bool _balloonTold;

    public bool Broken { get; private set; }

    private VmSizes Sizes => _balloonTold ? vm.Guest.Sizes : vm.Guest.Sizes.WithBalloonUnsure();

    public void BalloonTold() => _balloonTold = true;

    public void TellSizes(bool always = false) => Tell(vm.SizesAt(world.Now), always);

    /// <param name="always">The first facts of a connection are never lost.</param>
    public void Tell(VmObservation fact, bool always = false)
    {
        if (Broken)
            return;
        if (fact is VmObservation.Sizes shown)
            fact = shown with { Value = Sizes };
        if (!always && fact is VmObservation.Sizes { AfterReset: false } && world.Befalls(Fault.ObservationLost, 20))
            return;
        var times = world.Befalls(Fault.ObservationTwice, 30) ? 2 : 1;
        for (var i = 0; i < times; i++)
            _facts.Send(world.Delay(Fault.ObservationLate), () => shell.Observed(number, fact));
    }

    /// <summary>Answers a call that is done: first the sizes that were read for it, then the answer.</summary>
    public void Answer(Action answered)
    {
        TellSizes(always: true);
        _facts.Send(world.Delay(Fault.MessageLate), answered);
    }

    /// <summary>
    /// Tells that the VM is in hand, behind the sizes that were read for that: a driver's connecting also ends behind the facts that it
    /// told.
    /// </summary>
    public void Ready(Action inHand) => _facts.Send(world.Delay(Fault.MessageLate), inHand);

    /// <summary>Sends the last fact of this connection.</summary>
    public void TellLast(VmObservation fact)
    {
        if (Broken)
            return;
        Broken = true;
        _facts.Send(world.Delay(Fault.ObservationLate), () => shell.Observed(number, fact));
    }

    public void Close() => Broken = true;
}
