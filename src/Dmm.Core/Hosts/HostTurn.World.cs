using System.Collections.Immutable;
using Dmm.Core.Memory;

namespace Dmm.Core.Hosts;

/// <summary>The world around the ledger: what the host really has, and the notice when the invariant is broken.</summary>
internal sealed partial class HostTurn
{
    private void Saw(HostMonitorProtocol.Saw saw)
    {
        // The look includes a VM that has ended since. Its memory would be counted as used by the host and by no VM, so the next look
        // counts.
        if (Host.HasLooked && saw.Vms.Any(vm => !State.Vms.ContainsKey(vm.Id) && !State.LetGo.ContainsKey(vm.Id)))
            return;

        // First record which let-go VMs are gone; only then compare the reading with the claims.
        var gone = saw.Vms.Where(vm => State.LetGo.GetValueOrDefault(vm.Id) == vm && saw.Sight.Gone.Contains(vm.Id)).Select(vm => vm.Id)
            .ToList();
        foreach (var vm in gone)
            Record(new LetGoEnded(Wall, vm));
        See(saw.Sight);
        if (gone.Count > 0)
            QueuePlan();
    }

    private void See(HostReading sight)
    {
        var (first, before) = (!Host.HasLooked, Host.Outlook);
        if (Host.Blind is not null)
            Notify("hostSeen", null, "the host's memory can be read again");
        var (claimed, seen) = (State.Ledger.Claimed, State.Ledger.See(sight.Resident, sight.Began));
        var outlook = before.Take(sight, seen, Settings.Rules, Now, State.HeldByLaunches);
        Host = Host with { Blind = null, Outlook = outlook, State = State with { Ledger = seen.Follow(outlook.Memory) } };
        SayMemory();
        if ((before.CushionFactor > 1) != (outlook.CushionFactor > 1))
        {
            if (outlook.Pressure is { } pressure)
            {
                var most = Settings.Rules.CushionMax;
                Notify("hostPressure", null, $"{pressure} on the host: the cushion grows from {Settings.Cushion} to as much as {most}",
                    Settings.Cushion, most);
            }
            else
            {
                Notify("hostCalm", null, $"the host is calm: the cushion is {Settings.Cushion} again", null, Settings.Cushion);
            }
        }

        SayKeepers();
        if (first || claimed != seen.Claimed || before.Memory != outlook.Memory || before.CushionFactor != outlook.CushionFactor)
            QueuePlan();
    }

    private void Blind(HostMonitorProtocol.Blind blind)
    {
        var first = !Host.HasLooked;
        if (Host.Blind is null)
        {
            Notify(
                "hostUnseen", null, $"the host's memory can't be read: {blind.Why}; the last known figure stands: {Host.Outlook.Memory}",
                warn: true);
        }

        Host = Host with { Blind = blind.Why };
        if (first)
            QueuePlan();
    }

    private void WatchWhoRuns()
    {
        // Most messages to the host do not change the VMs that run.
        if (!Host.Watches || (ReferenceEquals(State.Vms, _before.Vms) && ReferenceEquals(State.LetGo, _before.LetGo)))
            return;
        var vms = Host.WhoRuns();
        if (vms.SequenceEqual(Host.Watched))
            return;
        Host = Host with { Watched = vms };
        Do(new HostEffect.WatchVms(vms));
    }

    /// <summary>Tells operators of changes that matter, not of each step of a neighbour that grows.</summary>
    private void SayMemory()
    {
        var (memory, said) = (Host.Outlook.Memory, Host.SaidMemory);
        var moved = memory > said ? memory - said : said - memory;
        if (moved.IsZero || (moved < said.Scale(0.05) && memory < Settings.Memory && said < Settings.Memory))
            return;
        Host = Host with { SaidMemory = memory };
        Notify(
            "hostMemory", null,
            memory < said ? $"DMM can count on {memory} of the host, {moved} less: {Host.Outlook.Why}"
            : $"DMM can count on {memory} of the host again",
            said, memory);
    }

    private void SayKeepers()
    {
        var (keepers, began, ended) = Host.Keepers.Look(State.Ledger);
        Host = Host with
        {
            Keepers = keepers,
            // The host does not get the memory that a keeper gives, so plans for VMs to come count on it less than on others.
            Shrinks = Host.Shrinks.SetItems(began.Select(vm => KeyValuePair.Create(vm, Host.Shrinks.GetValueOrDefault(vm, new()).Kept()))),
        };
        foreach (var vm in began)
            Notify("keepsMemory", vm, Keepers.Text(State.Ledger.Claims[vm]));
        foreach (var vm in ended)
            Notify("gaveBack", vm, "its process holds no more than it has and was granted: the host has its memory back");
    }

    private void SayDeficit()
    {
        var ledger = State.Ledger;
        if (Host.InDeficit == !ledger.Deficit.IsZero)
            return;
        Host = Host with { InDeficit = !Host.InDeficit };
        if (!Host.InDeficit)
        {
            Notify("deficitOver", null, "claims fit the host again");
            return;
        }

        Notify("deficit", null, Host.DeficitText(), ledger.HostMemory, ledger.Committed, warn: true);
        QueuePlan();
    }
}
