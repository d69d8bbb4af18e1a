using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>
/// The model of the host's memory, the same for every law. Σ held never exceeds the memory, and a VM never has more than it holds. A
/// growth is granted from free memory; otherwise it waits in line: urgent growths first, then in the order of requests. A shrink frees
/// memory only when it is confirmed. Below a guest's need it is no faster than the guest can swap out.
/// </summary>
/// <param name="memory">Memory for guests, in bytes.</param>
/// <param name="arrive">Called with the VM and the time at which its movement (the wait for the mechanism, or a step) ends.</param>
/// <param name="forget">Called when the VM's movement is cancelled.</param>
internal sealed class ReplayMemory(
    long memory, ReplayVm[] vms, MechanismDelays delays, ITellsUrgency? urgency, Action<int, long> arrive, Action<int> forget)
{
    private const double PerMicrosecond = (1 << 20) * 1e-6;

    /// <summary>Microseconds. A rounding error of a quotient must not add a whole microsecond.</summary>
    private const double Rounding = 1e-6;

    /// <summary>
    /// 64 KiB: a guest with less than this above its need counts as being at its need. Without this bound, a shrink that follows a
    /// falling need would take a step of one byte in each microsecond. It is a size and not a time, because the mechanism's speed says
    /// nothing about what the guest uses.
    /// </summary>
    private const double AtNeed = 64 << 10;

    private readonly List<int> _line = [];
    private long _asked;

    public long Memory => memory;

    /// <summary>Bytes that all VMs hold.</summary>
    public long Used { get; private set; }

    public long Free => memory - Used;

    /// <summary>The VMs that were granted memory since this list was cleared.</summary>
    public List<int> Woken { get; } = [];

    /// <summary>Gives every VM its min, and then, in the VMs' order, its need, as long as there is memory.</summary>
    public void Place()
    {
        var left = memory - vms.Sum(vm => vm.Here ? vm.Min : 0);
        if (left < 0)
            throw new ArgumentException($"the VMs' min are {-left} bytes more than the host's memory");
        foreach (var vm in vms)
        {
            if (!vm.Here)
                continue;
            var more = Math.Min(left, Math.Clamp((long)Math.Ceiling(vm.Need), vm.Min, vm.Cap) - vm.Min);
            left -= more;
            vm.Place(vm.Min + more);
            vm.Target = vm.Min + more;
            Used += vm.Min + more;
        }
    }

    /// <summary>
    /// Applies new targets of these VMs. Shrinks come first, so that the memory of a growth that is cut short is free for the others.
    /// </summary>
    public void Redirect(List<int> changed, long now)
    {
        foreach (var i in changed)
        {
            if (vms[i].Target <= vms[i].Held)
                Lessen(i, now);
        }

        foreach (var i in changed)
        {
            if (vms[i].Target > vms[i].Held)
                Raise(i, now);
        }

        Serve(now);
    }

    /// <summary>Computes a shrink's step anew, because its speed depends on whether the guest uses the memory.</summary>
    public void NeedChanged(int i, long now)
    {
        if (vms[i] is { Moving: true, Growing: false })
            Step(i, now);
    }

    /// <summary>Ends a wait or a step.</summary>
    /// <returns>True where a shrink was confirmed.</returns>
    public bool Arrives(int i, long now)
    {
        var vm = vms[i];
        var confirmed = false;
        if (vm.Starting)
        {
            vm.Starting = false;
        }
        else
        {
            confirmed = !vm.Growing;
            vm.Arrive(now);
            if (confirmed)
                Hold(vm, vm.StepEnd);
        }

        Step(i, now);
        Serve(now);
        return confirmed;
    }

    private void Lessen(int i, long now)
    {
        var vm = vms[i];
        Leave(i);
        vm.Advance(now);
        if (vm.Target > vm.Actual && (vm.Growing || vm.Starting))
        {
            // It goes on growing, but to a smaller size.
            Hold(vm, vm.Target);
        }
        else
        {
            var shrinks = vm is { Moving: true, Growing: false };
            if (!shrinks || vm.Target >= vm.Actual)
                Stop(i, now);
            Hold(vm, (long)Math.Ceiling(vm.Actual));
        }

        Begin(i, now);
    }

    private void Raise(int i, long now)
    {
        var vm = vms[i];
        vm.Advance(now);
        if (vm is { Moving: true, Growing: false } || vm.Held <= vm.Actual)
        {
            Stop(i, now);
            Hold(vm, (long)vm.Actual);
        }

        if (vm.Waits == 0)
        {
            vm.Waits = ++_asked;
            _line.Add(i);
        }
    }

    private void Leave(int i)
    {
        if (vms[i].Waits == 0)
            return;
        vms[i].Waits = 0;
        _line.Remove(i);
    }

    private void Serve(long now)
    {
        if (_line.Count == 0 || Free == 0)
            return;
        if (urgency is not null)
        {
            foreach (var i in _line)
            {
                if (urgency.IsUrgent(i))
                    Grant(i, now);
            }
        }

        var kept = 0;
        for (var k = 0; k < _line.Count; k++)
        {
            var i = _line[k];
            Grant(i, now);
            if (vms[i].Target > vms[i].Held)
                _line[kept++] = i;
            else
                vms[i].Waits = 0;
        }

        _line.RemoveRange(kept, _line.Count - kept);
    }

    private void Grant(int i, long now)
    {
        var vm = vms[i];
        var more = Math.Min(vm.Target - vm.Held, Free);
        if (more <= 0)
            return;
        vm.Advance(now);
        Hold(vm, vm.Held + more);
        Woken.Add(i);
        Begin(i, now);
    }

    private void Hold(ReplayVm vm, long size)
    {
        Used += size - vm.Held;
        vm.Held = size;
    }

    private void Stop(int i, long now)
    {
        vms[i].Halt(now);
        forget(i);
    }

    /// <summary>Starts a VM's movement, or redirects one that is under way.</summary>
    private void Begin(int i, long now)
    {
        var vm = vms[i];
        if (vm.Moving)
        {
            Step(i, now);
        }
        else if (!vm.Starting && (vm.Held > vm.Actual || vm.Target < vm.Actual))
        {
            vm.Starting = true;
            var milliseconds = vm.Actual < vm.Boot ? delays.BalloonLatencyMs : vm.Held > vm.Actual ? delays.PlugLatencyMs
                : delays.UnplugLatencyMs;
            arrive(i, now + Math.Max(1, (long)(milliseconds * 1000)));
        }
    }

    /// <summary>Starts the next part of a movement in which the same mechanism moves at the same rate.</summary>
    private void Step(int i, long now)
    {
        var vm = vms[i];
        vm.Advance(now);
        if (vm.StuckUntil(now) is var moves && moves > now)
        {
            // A stuck VM stays where it is until it can move again. Nothing is counted as moved meanwhile.
            vm.Halt(now);
            vm.Starting = true;
            arrive(i, moves);
            return;
        }

        long end;
        double rate;
        if (vm.Held > vm.Actual && vm.Target >= vm.Actual)
        {
            var balloon = vm.Actual < vm.Boot;
            end = balloon ? Math.Min(vm.Held, vm.Boot) : vm.Held;
            rate = (balloon ? delays.DeflateMibPerSecond : delays.PlugMibPerSecond) * PerMicrosecond;
        }
        else if (vm.Target < vm.Actual)
        {
            var balloon = vm.Actual <= vm.Boot;
            end = balloon ? vm.Target : Math.Max(vm.Target, vm.Boot);
            rate = (balloon ? delays.InflateMibPerSecond : delays.UnplugMibPerSecond) * PerMicrosecond;
            var used = (long)Math.Ceiling(vm.Need);
            if (vm.Actual - used > AtNeed)
                end = Math.Max(end, used);
            else
                rate = Math.Min(rate, delays.SwapOutMibPerSecond * PerMicrosecond);
            end = Math.Max(end, (long)Math.Floor(vm.Actual - (rate * delays.ConfirmMs * 1000)));
        }
        else
        {
            Stop(i, now);
            return;
        }

        var at = now + Math.Max(1, (long)Math.Ceiling((Math.Abs(end - vm.Actual) / rate) - Rounding));
        vm.Move(end, now, at);
        arrive(i, at);
    }
}
