using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation;
using Dmm.Simulation.Actors;

namespace Dmm.Actors.Tests;

/// <summary>The faults that the simulation of the actors found, one test each.</summary>
public sealed class CrashStories
{
    private static readonly VmId Vm = VmId.Parse("vm");

    [Fact]
    public void A_vm_that_can_not_be_looked_for_after_a_death_is_not_lost() => SimulationThread.Run(() =>
    {
        // The daemon dies just after its VM has started; its successor can't tell at first whether the VM runs (seed 13).
        var script = new ScriptedHost(new(), HistoryLog.Nothing, ("launch", 1, true));
        var (fate, failures) = (script.Host.World.Fate, 0);
        script.Host.World.Fate = (call, id) => call == "find" && failures++ < 2 ? CallFate.Refused : fate(call, id);
        Create(script);
        script.UntilStatus("it is governed", s => s.State.Vms.ContainsKey(Vm) && s.State.Ledger.Reservations.IsEmpty);
        Assert.True(failures > 2);
        return script;
    });

    [Fact]
    public void A_launch_of_this_life_does_not_look_for_what_an_earlier_one_left() => SimulationThread.Run(() =>
    {
        var script = new ScriptedHost(new(), HistoryLog.Nothing);
        Create(script);
        script.UntilStatus("it runs", s => s.State.Vms.ContainsKey(Vm));
        Assert.DoesNotContain(("find", false), script.Moments.Keys);
        return script;
    });

    private static void Create(ScriptedHost script)
    {
        var spec = new VmSpec { Id = Vm, Policy = new(SimulatedGuest.RescueDimm, MemorySize.FromGiB(1)), Boot = MemorySize.FromMiB(256) };
        script.Ask(
            new AdmissionProtocol.CreateVm(spec, ActorWorld.Overhead, null, []), "create vm",
            s => s.State.Vms.ContainsKey(Vm) || s.State.Admissions.ContainsKey(Vm));
    }
}
