using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;

namespace Dmm.Simulation;

/// <summary>
/// Tells, from the written events alone, which VMs are to run: this is what a restart policy promises. A VM that ran once under a policy
/// with returns, and was not stopped or let go since, is never forgotten, however it or its host ended.
/// </summary>
internal sealed class Wishes
{
    private readonly SortedDictionary<VmId, Wish> _wishes = [];

    /// <summary>Notes an event as it is written.</summary>
    /// <returns>What is wrong: a VM that is to return is dropped; null if nothing is.</returns>
    public string? Note(IHostEvent e)
    {
        switch (e)
        {
            case VmRequested { Tries: null } requested:
                _wishes[requested.Spec.Id] = new(requested.Spec.Restart);
                return null;
            case VmRequested returns when _wishes.TryGetValue(returns.Spec.Id, out var wish):
                // This is an operator's start or a return: either way the VM is wanted.
                _wishes[returns.Spec.Id] = wish with { Unwanted = false, Rests = false, Drained = false, Due = false };
                return null;
            case VmBooted booted when _wishes.TryGetValue(booted.Vm, out var wish):
                _wishes[booted.Vm] = wish with { Ran = true };
                return null;
            case RestartSet set when _wishes.TryGetValue(set.Vm, out var wish):
                // A VM that waits for its return is not wanted any more once its policy is "never", whatever is set later, until it is
                // started.
                _wishes[set.Vm] = wish with
                {
                    Restart = set.Restart,
                    Unwanted = wish.Unwanted
                    || (wish.Rests && set.Restart == RestartPolicy.Never)
                };
                return null;
            case StopAsked stop when _wishes.TryGetValue(stop.Vm, out var wish):
                _wishes[stop.Vm] = wish with { Unwanted = true };
                return null;
            case StopWithdrawn withdrawn when _wishes.TryGetValue(withdrawn.Vm, out var wish):
                _wishes[withdrawn.Vm] = wish with { Unwanted = false };
                return null;
            case HostDrainEnded:
                foreach (var (id, drained) in _wishes.Where(w => w.Value.Drained).ToList())
                    _wishes[id] = drained with { Drained = false, Due = true };
                return null;
            case VmForgotten or AdmissionEnded or VmAdopted:
                return Drop(e);
            case VmEnded ended:
                var kept = _wishes.TryGetValue(ended.Vm, out var was) && was is { Ran: true, Restart: not RestartPolicy.Never };
                return kept ? $"{ended.Vm} has restart {was!.Restart} and is forgotten: {ended.Why}" : Drop(e);
            case VmRested rested:
                return Rested(rested);
            default:
                return null;
        }
    }

    /// <summary>Checks at rest that each VM that is to run does so, unless the daemon still intends to return it.</summary>
    public string? Unmet(HostState state) => _wishes
        .Where(w => w.Value is { Ran: true, Restart: RestartPolicy.Always, Unwanted: false } && !state.Vms.ContainsKey(w.Key)
            && !state.Admissions.ContainsKey(w.Key)
            && state.Resting.GetValueOrDefault(w.Key)?.ReturnAt is null)
        .Select(w => $"{w.Key} is to run whenever it ends, and neither runs nor returns")
        .Concat(_wishes.Where(w => w.Value.Due).Select(w => $"{w.Key} was ended by a drain that is over, and was not asked for again"))
        .FirstOrDefault();

    private string? Rested(VmRested rested)
    {
        var id = rested.Spec.Id;
        if (!_wishes.TryGetValue(id, out var wish))
            return null;
        if (rested.Drained)
        {
            _wishes[id] = wish with { Rests = true, Drained = true };
            return wish.Unwanted ? $"{id} was stopped by its operator, and returns with the end of the drain: {rested.Why}" : null;
        }

        wish = wish with { Drained = false, Due = false };
        _wishes[id] = wish;
        // This host can't see whether a VM that was migrated away runs.
        if (rested.Cause is EndCause.Stopped or EndCause.MigratedAway)
            _wishes[id] = wish with { Unwanted = true };
        else if (rested.ReturnAt is null && wish is { Restart: RestartPolicy.Always, Unwanted: false })
            return $"{id} is to run whenever it ends, and stays stopped: {rested.Why}";
        else if (rested.ReturnAt is not null && wish.Unwanted)
            return $"{id} was stopped by its operator, and returns: {rested.Why}";
        else if (rested.ReturnAt is null)
            _wishes[id] = wish with { Unwanted = true };
        _wishes[id] = _wishes[id] with { Rests = true };
        return null;
    }

    private string? Drop(IHostEvent e)
    {
        _wishes.Remove(e switch
        {
            VmForgotten f => f.Vm,
            AdmissionEnded a => a.Vm,
            VmAdopted a => a.Handle.Id,
            VmEnded d => d.Vm,
            _ => throw new ArgumentOutOfRangeException(nameof(e)),
        });
        return null;
    }

    private sealed record Wish(RestartPolicy Restart, bool Ran = false, bool Unwanted = false, bool Rests = false)
    {
        /// <summary>A drain of the host has ended it: it is to return with the drain's end.</summary>
        public bool Drained { get; init; }

        /// <summary>That drain is over.</summary>
        public bool Due { get; init; }
    }
}
