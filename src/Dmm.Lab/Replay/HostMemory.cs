using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>
/// The host's memory, the same truth for every law: Σ held never exceeds it, and a VM never has more than it holds. A growth is granted
/// from what is free and otherwise waits in line, urgent ones first, then as asked; a shrink frees memory only when it is confirmed, and
/// goes below a guest's need no faster than the guest can swap out.
/// </summary>
/// <param name="memory">Bytes, for guests.</param>
/// <param name="arrive">Is to be told when a VM's movement (its wait for the mechanism, or a step) ends.</param>
/// <param name="forget">No movement of this VM ends any more.</param>
internal sealed class HostMemory(
    long memory, ReplayVm[] vms, MechanismDelays delays, ITellsUrgency? urgency, Action<int, long> arrive, Action<int> forget)
{
    private const double PerMicrosecond = (1 << 20) * 1e-6;

    /// <summary>A microsecond is not begun for the last bit of a quotient.</summary>
    private const double Rounding = 1e-6;

    /// <summary>
    /// A guest with less than this above its need counts as at its need, bytes: where need falls, taking what has just become free would be
    /// a step of a byte in each microsecond. A size and no time: how fast a mechanism moves says nothing of what its guest uses.
    /// </summary>
    private const double AtNeed = 64 << 10;

    private readonly List<int> _line = [];
    private long _asked;

    public long Memory => memory;

    /// <summary>What all VMs hold.</summary>
    public long Used { get; private set; }

    public long Free => memory - Used;

    /// <summary>VMs that were granted memory by another's shrink.</summary>
    public List<int> Woken { get; } = [];

    /// <summary>Every VM gets its min, then what it needs, in their order, while there is any.</summary>
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
    /// These VMs have other targets than before. Shrinks first, so that what a stopped growth leaves is there for the others.
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

    /// <summary>What the mechanism does depends on whether the guest uses the memory.</summary>
    public void NeedChanged(int i, long now)
    {
        if (vms[i] is { Moving: true, Growing: false })
            Step(i, now);
    }

    /// <summary>A wait or a step has ended.</summary>
    /// <returns>Whether a shrink was confirmed.</returns>
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
            // It grows on, but not so far.
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

    /// <summary>Sets a VM moving; one that moves already goes on, elsewhere.</summary>
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

    /// <summary>The next stretch on which the same mechanism moves at the same rate.</summary>
    private void Step(int i, long now)
    {
        var vm = vms[i];
        vm.Advance(now);
        if (vm.StuckUntil(now) is var moves && moves > now)
        {
            // It stands where it is and is heard again when it moves: nothing of it is taken for granted meanwhile.
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
