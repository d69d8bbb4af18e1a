using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;

namespace Dmm.Simulation;

/// <summary>
/// Tells, from the written events alone, which VMs nobody may end or create: a VM that has booted once, in whatever life, is ended only
/// if its operator asked for that; a VM that was migrated away is not created here again unless it was forgotten before.
/// </summary>
internal sealed class Lives
{
    private readonly HashSet<VmId> _booted = [];
    private readonly HashSet<VmId> _toEnd = [];
    private readonly HashSet<VmId> _elsewhere = [];
    private readonly Dictionary<VmId, BootCheck> _checks = [];
    private bool _drainEnds;

    /// <summary>Notes an event as it is written.</summary>
    /// <returns>What is wrong; null if nothing is.</returns>
    public string? Note(IHostEvent e)
    {
        switch (e)
        {
            case VmRequested requested:
                var id = requested.Spec.Id;
                _toEnd.Remove(id);
                _checks[id] = requested.Spec.BootCheck;
                if (requested.Tries is not null && _elsewhere.Contains(id))
                    return $"{id} was migrated away and is asked for again";
                if (requested.Tries is null)
                    Forget(id);
                return null;
            case VmBooted booted:
                _booted.Add(booted.Vm);
                return null;
            case VmAdopted adopted:
                Forget(adopted.Handle.Id);
                _booted.Add(adopted.Handle.Id);
                return null;
            case StopAsked { Kill: true } stop:
                _toEnd.Add(stop.Vm);
                return null;
            case StopAsked stop:
                // A later order replaces an earlier one.
                _toEnd.Remove(stop.Vm);
                return null;
            case StopWithdrawn withdrawn:
                _toEnd.Remove(withdrawn.Vm);
                return null;
            case HostDrainBegun drain:
                _drainEnds = drain.Kill;
                return null;
            case HostDrainEnded:
                _drainEnds = false;
                return null;
            case VmMigratedAway away:
                _elsewhere.Add(away.Vm);
                return null;
            case VmMigrationUndone undone:
                _elsewhere.Remove(undone.Vm);
                return null;
            case VmRested { ReturnAt: not null } rested when _elsewhere.Contains(rested.Spec.Id):
                return $"{rested.Spec.Id} was migrated away and is to return: {rested.Why}";
            case VmForgotten forgotten:
                Forget(forgotten.Vm);
                return null;
            case VmEnded ended:
                Forget(ended.Vm);
                return null;
            default:
                return null;
        }
    }

    /// <summary>Notes that the daemon ends a VM's process.</summary>
    /// <returns>What is wrong; null if the daemon may do so.</returns>
    public string? Ended(VmId id) =>
        _toEnd.Contains(id) || _drainEnds || (!_booted.Contains(id) && _checks.GetValueOrDefault(id) == BootCheck.Strict) ? null
        : $"{id} is ended, and nobody asked for that{(_booted.Contains(id) ? "; it has booted before" : "")}";

    private void Forget(VmId id)
    {
        _booted.Remove(id);
        _elsewhere.Remove(id);
    }
}
