using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>The hypervisor's part: it launches VMs, lets them move, gives them orders, and ends them.</summary>
internal sealed partial class World
{
    private static readonly MemorySize LowMemory = MemorySize.FromMiB(32);

    private int _pid;

    /// <summary>Looks for a VM that was launched before.</summary>
    public void Find(VmSpec spec, Action<SimulatedProcess?> found, Action<string> unknown) => Agenda.In(CallTime(), () =>
    {
        if (Befalls(Fault.CallFails, 20))
            unknown("its folder can't be read");
        else
            found(ProcessOf(spec.Id) is { Running: true } running ? running : null);
    });

    public void Launch(VmSpec spec, Func<bool> alive, Action<SimulatedProcess> launched, Action<string> failed) =>
        Agenda.In(CallTime(), () =>
    {
        if (!alive())
            return;
        if (!Journal.Truth.Admissions.ContainsKey(spec.Id) && !Journal.Truth.Vms.ContainsKey(spec.Id))
            throw new ViolationException("a launch that is not written", $"{spec.Id} is started, and no journal knows of it");
        Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(100, 2_000)), () =>
        {
            if (!alive())
                return;
            if (Befalls(Fault.LaunchFails, 8))
            {
                failed("its process ended at once");
                return;
            }

            var process = StartProcess(spec.Id, spec.Boot, spec.Policy.Max.MinusOrZero(spec.Boot).RoundUp(SimulatedGuest.Block));
            if (Befalls(Fault.Crash, 40))
                Crash($"after the process of {spec.Id} was started");
            else
                Agenda.In(CallTime(), () => launched(process));
        });
    });

    public void CarryOut(SimulatedProcess vm, VmCall call)
    {
        switch (call.Kind)
        {
            case VmCallKind.Balloon:
                vm.Guest.AskBallooned(MemorySize.Min(call.Size, vm.Guest.Base));
                vm.Connection?.BalloonTold();
                break;
            case VmCallKind.Plug:
                vm.Guest.AskPlugged(MemorySize.Min(call.Size, vm.Capabilities.PluggableMax));
                break;
            case VmCallKind.Rescue:
                vm.Guest.Rescue();
                break;
            case VmCallKind.Extend:
                vm.Extend(call.Size);
                vm.Connection?.Tell(new VmObservation.Able(vm.Capabilities), always: true);
                break;
        }

        Log.Note($"{vm.Id} {call.Kind} {call.Size}: {Describe(vm)}");
        if (Befalls(Fault.CrashAfterCall, 500))
            Crash($"after {call.Kind} of {vm.Id} was carried out");
    }

    public void PowerDown(SimulatedProcess vm)
    {
        if (vm.Running)
            EndProcess(vm, "its guest powered down", cause: EndCause.PoweredDown);
    }

    /// <param name="tell">Whether its driver sees it end.</param>
    public void EndProcess(SimulatedProcess vm, string why, bool tell = true, EndCause cause = EndCause.Failed)
    {
        (vm.Running, vm.Cause) = (false, cause);
        Log.Note($"the process of {vm.Id} ends: {why}");
        if (tell)
            vm.Connection?.TellLast(new VmObservation.Ended(why, cause));
        vm.Connection = null;
    }

    /// <summary>Restarts the host: no VM survives, and no daemon saw any of them end.</summary>
    private void Reboot()
    {
        _boot++;
        foreach (var vm in _processes.Values.Where(p => p.Running))
            EndProcess(vm, "the host restarts", tell: false, EndCause.HostRestarted);
        Crash("with its host");
    }

    private SimulatedProcess StartProcess(VmId id, MemorySize boot, MemorySize pluggable)
    {
        var agent = !Chance.OneIn(4);
        if (ProcessOf(id) is { Running: true })
            throw new ViolationException("two processes", $"one of {id} runs, and another is started");
        var process = new SimulatedProcess(
            id, boot, DevicesFor(pluggable), _guests, Chance.Next(), Agenda.Now, ++_pid, BootId)
        { HasAgent = agent };
        _processes[id] = process;
        Log.Note($"a process for {id} starts with {boot}, can be plugged {pluggable}");
        Live(process);
        return process;
    }

    /// <summary>One device, or up to three devices, of this total size.</summary>
    private List<MemorySize> DevicesFor(MemorySize pluggable)
    {
        var parts = new List<MemorySize>();
        for (var more = Chance.Below(3); more > 0 && pluggable > SimulatedGuest.Block; more--)
        {
            var part = pluggable.Scale(Chance.Between(10, 70) / 100.0).RoundUp(SimulatedGuest.Block);
            parts.Add(part);
            pluggable -= part;
        }

        parts.Add(pluggable);
        return parts;
    }

    /// <summary>Lets a guest move, and reports its facts.</summary>
    private void Live(SimulatedProcess vm) => Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(150, 450)), () =>
    {
        if (!vm.Running)
            return;
        var before = vm.Guest.Sizes;
        var moved = vm.Move(Agenda.Now);
        if (moved)
            Log.Note($"{vm.Id} moves: {Describe(vm)}");
        if (vm.Disturbed)
            Invariants.Calmed(vm);
        _stillness.Look(vm);
        Rest.Look(vm);
        if (vm.Connection is { } connection)
        {
            var repeats = Math.Min(5, vm.Guest.Repeats);
            // Changes that were not reported here are reported by the next look.
            for (var i = 0; i < repeats && (moved || Chance.OneIn(8)); i++)
                connection.TellSizes();
            var low = vm.Guest.Available < LowMemory;
            if (vm.Guest.RunState != VmRunState.Running)
                vm.SampledAt = Agenda.Now;
            else if (low || repeats > 1 || Agenda.Now - vm.SampledAt >= TimeSpan.FromSeconds(1))
            {
                vm.SampledAt = Agenda.Now;
                for (var i = 0; i < repeats; i++)
                    connection.Tell(new VmObservation.Sample(vm.Guest.Sample(Now)));
            }
        }

        Live(vm);
    });

    private static string Plugged(SimulatedProcess vm) => string.Join(" + ", vm.Guest.Devices.Select(d => $"{d.Size} (→ {d.Requested})"));

    public static string Describe(SimulatedProcess vm)
    {
        var s = vm.Guest.Sizes;
        return $"{s.Base} + {Plugged(vm)} − {s.Ballooned} (→ {s.BalloonedTarget}) = {vm.Guest.Held}, uses {vm.Guest.Used} of {vm.Wish}"
            + (vm.Disturbed ? ", disturbed" : "");
    }
}
