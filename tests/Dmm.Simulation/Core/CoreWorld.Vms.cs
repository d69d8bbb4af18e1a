using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The hypervisor's part: it launches VMs, lets them move, gives them orders, and ends them.</summary>
internal sealed partial class CoreWorld
{
    /// <summary>Looks for a VM that was launched before.</summary>
    public void Find(VmSpec spec, Action<CoreVm?> found, Action<string> unknown) => Agenda.In(CallTime(), () =>
    {
        if (Befalls(Fault.CallFails, 20))
            unknown("its folder can't be read");
        else
            found(Find(spec.Id));
    });

    public void Launch(VmSpec spec, Func<bool> alive, Action<CoreVm> launched, Action<string> failed) =>
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

    public void CarryOut(CoreVm vm, VmCall call)
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

    public void PowerDown(CoreVm vm) => End(vm, "its guest powered down", EndCause.PoweredDown);

    /// <summary>Restarts the host, and the daemon with it.</summary>
    public override void Reboot()
    {
        base.Reboot();
        Crash("with its host");
    }

    private CoreVm StartProcess(VmId id, MemorySize boot, MemorySize pluggable)
    {
        var agent = !Chance.OneIn(4);
        var devices = DevicesFor(pluggable);
        var guest = new SimulatedGuest(boot, _guests, Chance.Next()) { Used = MemorySize.FromMiB(16), Devices = [] };
        devices.ForEach(guest.AddDevice);
        var process = new CoreVm(guest, NewHandle(id, boot), _guests.Overhead, Agenda.Now)
        {
            HasAgent = agent,
            ExtendableTo = pluggable.Scale(2),
        };
        Add(process);
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
    private void Live(CoreVm vm) => Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(150, 450)), () =>
    {
        if (!vm.Running)
            return;
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
            if (vm.Samples() || (repeats > 1 && vm.Guest is { RunState: VmRunState.Running, Boots: false }))
            {
                for (var i = 0; i < repeats; i++)
                    connection.Tell(new VmObservation.Sample(vm.Guest.Sample(Now)));
            }
        }

        Live(vm);
    });

    private static string Plugged(CoreVm vm) => string.Join(" + ", vm.Guest.Devices.Select(d => $"{d.Size} (→ {d.Requested})"));

    public static string Describe(CoreVm vm)
    {
        var s = vm.Guest.Sizes;
        return $"{s.Base} + {Plugged(vm)} − {s.Ballooned} (→ {s.BalloonedTarget}) = {vm.Guest.Held}, uses {vm.Guest.Used} of {vm.Wish}"
            + (vm.Disturbed ? ", disturbed" : "");
    }
}
