using Dmm.Core;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The rules that must hold after every recovery: the replay leads to what was promised.</summary>
internal sealed partial class CoreInvariants
{
    /// <summary>Checks that a replay leads to what was promised, in whatever form the journal kept it.</summary>
    public void Recovered(CoreDaemon daemon)
    {
        var (truth, state) = (world.Journal.Truth, daemon.State);
        if (!truth.Vms.Keys.SequenceEqual(state.Vms.Keys) || !truth.Admissions.Keys.SequenceEqual(state.Admissions.Keys))
            throw new ViolationException(
                "recovery", $"VMs {string.Join(' ', state.Vms.Keys)}, admissions {string.Join(' ', state.Admissions.Keys)} instead of "
                + $"{string.Join(' ', truth.Vms.Keys)} and {string.Join(' ', truth.Admissions.Keys)}");
        foreach (var (id, vm) in truth.Vms)
        {
            var now = state.Vms[id];
            var same = vm with { Spec = null, BootedAt = At(vm.BootedAt, now.BootedAt), MeasuredAt = At(vm.MeasuredAt, now.MeasuredAt) };
            if (same != now with { Spec = null } || now.BootedAt > world.Now || now.MeasuredAt > world.Now)
                throw new ViolationException("recovery", $"{now} instead of {vm}");
        }

        foreach (var (id, admission) in truth.Admissions)
        {
            var now = state.Admissions[id];
            if (now != admission with
            {
                At = At(admission.At, now.At),
                Since = At(admission.Since, now.Since),
                Deadline = At(admission.Deadline, now.Deadline),
            })
                throw new ViolationException("recovery", $"{now} instead of {admission}");
            NotStretched(id, now.Deadline, admission.Deadline - admission.At);
        }

        if (!truth.Resting.Keys.SequenceEqual(state.Resting.Keys))
            throw new ViolationException(
                "recovery", $"{string.Join(' ', state.Resting)} rest instead of {string.Join(' ', truth.Resting)}");
        foreach (var (id, rests) in truth.Resting)
        {
            var now = state.Resting[id];
            if (now != rests with { Since = At(rests.Since, now.Since), ReturnAt = At(rests.ReturnAt, now.ReturnAt) })
                throw new ViolationException("recovery", $"{now} instead of {rests}");
            NotStretched(id, now.ReturnAt, rests.ReturnAt - rests.Since);
        }

        if (Rules.LetGoAndRunning(truth, world).Except(state.LetGo.Keys).FirstOrDefault() is { Name.Length: > 0 } lost)
            throw new ViolationException("recovery", $"{lost} was let go and runs, but its memory counts as free");
    }

    /// <summary>If the host's clock was set, a replay can't know when something happened; but it must know that it happened.</summary>
    private Moment At(Moment real, Moment replayed) => world.ClockStepped ? replayed : real;

    private Moment? At(Moment? real, Moment? replayed) => world.ClockStepped && real is not null ? replayed : real;

    /// <summary>However the host's clock was set, no wait may take longer than it was meant to.</summary>
    private void NotStretched(VmId id, Moment? until, TimeSpan? length)
    {
        if (until - world.Now > length)
            throw new ViolationException(
                "a deadline that is stretched", $"{id} waits {until - world.Now}, which was to be {length} at most");
    }
}
