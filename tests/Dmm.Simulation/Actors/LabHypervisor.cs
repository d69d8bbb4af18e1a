using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The driver by which one daemon reaches the world. Calls are answered by the virtual clock, on its one thread. A call of a daemon that
/// died may or may not have reached the hypervisor.
/// </summary>
internal sealed class LabHypervisor(ActorWorld world, DaemonProcess process) : IHypervisor
{
    public string Name => "simulation";

    public string? Fault(VmSpec spec) => null;

    public MemorySize ExpectedOverhead(VmSpec spec) => ActorWorld.Overhead;

    /// <summary>
    /// Launches a VM. Leaves nothing behind if it fails or is cancelled, as the port demands; only a daemon's death leaves its VM
    /// running.
    /// </summary>
    public async Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation)
    {
        ActorVm? started = null;
        try
        {
            return await CallAsync("launch", spec.Id, () => (started = world.Start(spec.Id, spec.Boot)).Handle, cancellation);
        }
        catch (Exception) when (started is { Running: true })
        {
            world.End(started, "its launch failed");
            throw;
        }
    }

    public Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation) =>
        CallAsync("find", spec.Id, () => world.Find(spec.Id)?.Handle, cancellation);

    public Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation) =>
        CallAsync("inspect", id, () => Of(id).Handle with { Owned = false }, cancellation);

    public async Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
    {
        LabConnection? connection = null;
        try
        {
            return await CallAsync("connect", handle.Id, () => connection = new(Reached(handle.Id), this, process, observe), cancellation);
        }
        catch (Exception) when (connection is not null)
        {
            connection.Break();
            throw;
        }
    }

    public Task EndProcessAsync(VmHandle handle, CancellationToken cancellation)
    {
        world.EndedByDaemon(handle.Id);
        return CallAsync(
            "endProcess",
            handle.Id,
            () =>
            {
                if (handle.Pid is null)
                    throw new HypervisorException($"simulated: the process of {handle.Id} is not known");
                if (world.Runs(handle))
                    world.End(handle.Id, "its process was ended");
                return true;
            },
            cancellation);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Makes a call that takes a while; the world decides its outcome.</summary>
    internal Task<T> CallAsync<T>(string call, VmId id, Func<T> effect, CancellationToken cancellation, LabConnection? over = null)
    {
        // The continuation of the answer runs within the event in which the answer comes: on this one thread.
        var answer = new TaskCompletionSource<T>();
        if (!process.Alive)
            return answer.Task;
        var fate = world.Fate(call, id);
        if (!process.Alive)
            return answer.Task;
        var given = cancellation.Register(() => answer.TrySetCanceled(cancellation));
        over?.Begin(call, answer.Task, cause => answer.TrySetException(cause));
        world.Clock.After(world.Dice.Seconds(0.001, 0.05), () =>
        {
            given.Dispose();
            if (answer.Task.IsCompleted)
                return;
            if (fate is not CallFate.Done)
                world.Log($"world: {call} of {id}: {fate}");
            // A call that a dead daemon had written to the hypervisor's socket is read or not.
            if (!process.Alive && world.Dice.Chance(0.5))
                return;
            Finish(call, id, effect, fate, answer, cancellation);
        });
        return answer.Task;
    }

    private void Finish<T>(
        string call, VmId id, Func<T> effect, CallFate fate, TaskCompletionSource<T> answer, CancellationToken cancellation)
    {
        if (fate is CallFate.Silent or CallFate.DoneButSilent)
            cancellation.Register(() => answer.TrySetCanceled(cancellation));
        if (fate is CallFate.Refused)
            answer.TrySetException(new HypervisorException($"simulated: {call} of {id} is refused"));
        if (fate is CallFate.ConnectionLost)
        {
            answer.TrySetException(new HypervisorException($"simulated: the connection to {id} broke in {call}"));
            world.Find(id)?.Tell(new VmObservation.ConnectionLost($"simulated: it broke in {call}"));
            world.Find(id)?.Break();
        }

        if (fate is CallFate.Refused or CallFate.Silent or CallFate.ConnectionLost)
            return;
        T result;
        try
        {
            result = effect();
            world.Happened(call, id);
        }
        catch (HypervisorException refusal)
        {
            if (process.Alive)
                answer.TrySetException(refusal);
            return;
        }

        if (!process.Alive)
            return;
        if (fate is CallFate.DoneButFailed)
            answer.TrySetException(new HypervisorException($"simulated: {call} of {id} failed"));
        else if (fate is CallFate.Done)
            answer.TrySetResult(result);
    }

    internal ActorWorld World => world;

    private ActorVm Reached(VmId id) =>
        Of(id) is { Unreachable: false } vm ? vm : throw new HypervisorException($"simulated: {id} does not answer");

    private ActorVm Of(VmId id) => world.Find(id) ?? throw new VmGoneException($"{id} no longer runs") { Cause = world.CauseOf(id) };
}
