using Dmm.Core;
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

    /// <summary>Its hypervisor does not answer.</summary>
    public bool Unreachable { get; set; }

    public override int Connections => _connections.Count(static c => c.Held);

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
