using System.Collections.Immutable;
using Akka.Actor;
using Akka.Pattern;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;

namespace Dmm.Actors.Vms;

/// <summary>The messages from the host to the actor that holds its VMs' actors.</summary>
public static class VmsProtocol
{
    /// <summary>Starts the actors of these VMs; actors that already run report to the host again what it may have missed.</summary>
    /// <param name="All">Whether these are all VMs: then the actors of others are stopped.</param>
    public sealed record Start(ImmutableArray<VmId> Vms, bool All);

    /// <summary>Stops a VM's actor. The VM itself is not touched.</summary>
    public sealed record Drop(VmId Vm);

    public sealed record To(VmId Vm, IVmMessage Message);
}

/// <summary>
/// Holds the VMs' actors, each below a supervisor that starts it anew with back-off. They outlive the host's actor: when the journal
/// can't be written, promises that were made are still carried out.
/// </summary>
public sealed class VmsActor : ReceiveActor
{
    public const string Name = "vms";

    /// <summary>Actors started in one batch. Other messages get their turn between two batches.</summary>
    private const int Batch = 25;

    private readonly IActorRef _host;
    private readonly IActorRef _predictor;
    private readonly IHypervisor _hypervisor;
    private readonly VmActorSettings _settings;
    private readonly Dictionary<VmId, IActorRef> _vms = [];
    private readonly LinkedList<VmId> _toStart = [];
    private int _started;

    public VmsActor(IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings)
    {
        (_host, _predictor, _hypervisor, _settings) = (host, predictor, hypervisor, settings);
        Receive<VmsProtocol.To>(to =>
        {
            if (_vms.TryGetValue(to.Vm, out var vm))
                vm.Tell(to.Message);
        });
        Receive<VmsProtocol.Start>(Start);
        Receive<VmsProtocol.Drop>(drop => Drop(drop.Vm));
        Receive<StartNext>(_ => StartSome());
    }

    /// <param name="host">The actor that is told of the VMs, whichever incarnation of the host's actor runs.</param>
    public static Props Props(IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings) =>
        Akka.Actor.Props.Create(() => new VmsActor(host, predictor, hypervisor, settings));

    private void Start(VmsProtocol.Start start)
    {
        if (start.All)
        {
            foreach (var other in _vms.Keys.Concat(_toStart).Except(start.Vms).ToList())
                Drop(other);
        }

        foreach (var vm in start.Vms)
        {
            if (_vms.TryGetValue(vm, out var known))
                known.Tell(new VmProtocol.HostIsBack());
            else if (!_toStart.Contains(vm))
                _toStart.AddLast(vm);
        }

        StartSome();
    }

    private void StartSome()
    {
        for (var i = 0; i < Batch && _toStart.First is { Value: var vm }; i++)
        {
            _toStart.RemoveFirst();
            // An actor's name is free again only when the last actor of that name has stopped; a new VM of that name need not wait for
            // that.
            var name = Context.Child($"{vm}").IsNobody() ? $"{vm}" : $"{vm}~{++_started}";
            var actor = VmActor.Props(vm, _host, _predictor, _hypervisor, _settings);
            _vms[vm] = Context.ActorOf(
                BackoffSupervisor.Props(
                    Backoff.OnFailure(actor, "machine", _settings.RestartMin, _settings.RestartMax, _settings.RestartSpread, -1)
                        .WithAutoReset(_settings.CalmAfter)),
                name);
        }

        if (_toStart.Count > 0)
            Self.Tell(new StartNext());
    }

    private void Drop(VmId vm)
    {
        _toStart.Remove(vm);
        _predictor.Tell(new PredictorProtocol.Forget(vm));
        if (_vms.Remove(vm, out var actor))
            Context.Stop(actor);
    }

    private sealed record StartNext;
}
