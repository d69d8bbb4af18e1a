using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;

namespace Dmm.Simulation;

/// <summary>
/// Which VMs are to run, told by what operators had written down and nothing else: what a restart policy promises. Whoever ran once under a
/// policy that has it return, and was not stopped or let go of since, is never forgotten, however it or its host ended.
/// </summary>
internal sealed class Wishes
{
    private readonly SortedDictionary<VmId, Wish> _wishes = [];

    /// <summary>Takes note of an event as it is written.</summary>
    /// <returns>What is amiss: a VM that is to return is dropped; null where nothing is.</returns>
    public string? Note(IHostEvent e)
    {
        switch (e)
        {
            case VmRequested { Tries: null } requested:
                _wishes[requested.Spec.Id] = new(requested.Spec.Restart);
                return null;
            case VmRequested returns when _wishes.TryGetValue(returns.Spec.Id, out var wish):
                // An operator's start, or a return: either way it is wanted.
                _wishes[returns.Spec.Id] = wish with { Unwanted = false, Rests = false };
                return null;
            case VmBooted booted when _wishes.TryGetValue(booted.Vm, out var wish):
                _wishes[booted.Vm] = wish with { Ran = true };
                return null;
            case RestartSet set when _wishes.TryGetValue(set.Vm, out var wish):
                // One that waits for its return does so no more, whatever is set later: until it is started.
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

    /// <summary>At rest: whoever is to run does, unless the daemon still means to have it return.</summary>
    public string? Unmet(HostState state) => _wishes
        .Where(w => w.Value is { Ran: true, Restart: RestartPolicy.Always, Unwanted: false } && !state.Vms.ContainsKey(w.Key)
            && !state.Admissions.ContainsKey(w.Key)
            && state.Resting.GetValueOrDefault(w.Key)?.ReturnAt is null)
        .Select(w => $"{w.Key} is to run whenever it ends, and neither runs nor returns").FirstOrDefault();

    private string? Rested(VmRested rested)
    {
        var id = rested.Spec.Id;
        if (!_wishes.TryGetValue(id, out var wish))
            return null;
        // Of one that was migrated away it is not for this host to see that it runs.
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

    private sealed record Wish(RestartPolicy Restart, bool Ran = false, bool Unwanted = false, bool Rests = false);
}
