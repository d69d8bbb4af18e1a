using Dmm.Core.Laws;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// The host's machine: <c>Decide(host, command, now) → (host', events, effects)</c>. It knows no actor, no clock and no hypervisor; the
/// daemon and the simulations use the same one. Beside <see cref="Host"/> it keeps only whose turn it was in the arbiter, and what a law
/// other than DMM's own has learnt. It takes one command at a time; the events of a decision must be written before the next command is
/// decided.
/// </summary>
public sealed class HostMachine(HostSettings settings, MechanismProfile profile)
{
    public HostSettings Settings { get; } = settings;

    /// <summary>The expected figures of the guests' mechanisms, used where a VM has not reported better ones.</summary>
    public MechanismProfile Profile { get; } = profile;

    internal Arbiter Arbiter { get; } = new(settings.UtilityWeight);

    internal LawPlanner? Law { get; } = settings.Law is { } law ? new(LawCatalog.Create(law)) : null;

    public HostDecision Decide(Host host, IHostCommand command, Clocks now)
    {
        var turn = new HostTurn(this, host, now);
        turn.Take(command);
        return turn.End();
    }
}
