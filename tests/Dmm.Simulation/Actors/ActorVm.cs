using Dmm.Core;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>A VM of the actors' world: daemons, dead ones included, may have several connections to it.</summary>
internal sealed class ActorVm(SimulatedGuest guest, VmHandle handle, MemorySize overhead) : WorldVm(guest, handle, overhead)
{
    private readonly List<LabConnection> _connections = [];

    /// <summary>Nobody can tell which process runs it: it is reached through another process.</summary>
    public bool Unsure { get; set; }

    /// <summary>What its process is held to; null before that was asked for.</summary>
    public VmBounds? Bounds { get; set; }

    /// <summary>
    /// The world, not DMM, has made it larger than it was promised, or lets it say what is not so; until it is within its promise again.
    /// </summary>
    public bool Wild { get; private set; }

    /// <summary>The time at which it was last seen to be wild.</summary>
    private Moment WildAt { get; set; }

    /// <summary>Its hypervisor does not answer.</summary>
    public bool Unreachable { get; set; }

    public override int Connections => _connections.Count(static c => c.Held);

    public void GoWild(Moment now) => (Wild, WildAt) = (true, now);

    /// <summary>Ends that once it is within its promise, and has been for as long as reports are under way.</summary>
    /// <param name="promised">What the journal promises it.</param>
    /// <param name="claim">What a living daemon claims for it; null where there is none.</param>
    public void Calm(MemorySize promised, Claim? claim, Moment now)
    {
        if (Guest.Temper is GuestTemper.GrowsByItself or GuestTemper.LiesAboutBalloon || Guest.FigureStands || Guest.Boots
            || Ceiling > promised || claim is null || claim.Actual > claim.Granted + claim.Lease)
            WildAt = now;
        else if (now - WildAt > ActorWorld.Rumours)
            Wild = false;
    }

    public void Connect(LabConnection connection) => _connections.Add(connection);

    public void Disconnect(LabConnection connection) => _connections.Remove(connection);

    public override void Tell(VmObservation fact)
    {
        foreach (var connection in _connections.ToArray())
            connection.Tell(fact);
    }

    /// <summary>Breaks all connections, and their calls with them.</summary>
    public void Break()
    {
        foreach (var connection in _connections.ToArray())
            connection.Break();
    }

    /// <summary>Lets time go by in the guest, and reports its facts.</summary>
    public void Live(TimeSpan elapsed, Moment now)
    {
        if (Move(elapsed))
        {
            for (var i = 0; i < Guest.Repeats; i++)
                TellSizes();
        }

        if (!Samples())
            return;
        for (var i = 0; i < Guest.Repeats; i++)
            Tell(new VmObservation.Sample(Guest.Sample(now)));
    }

    public void TellSizes()
    {
        foreach (var connection in _connections.ToArray())
            connection.TellSizes();
    }

    /// <summary>Over a connection that ends without a last fact, calls stay unanswered: its daemon died with the host.</summary>
    protected override void Disconnect(VmObservation? last)
    {
        if (last is null)
            return;
        Tell(last);
        Break();
    }
}
