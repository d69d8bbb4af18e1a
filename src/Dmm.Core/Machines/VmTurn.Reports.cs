using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>The reports to the host: one at most for each message.</summary>
internal sealed partial class VmTurn
{
    private bool _reports;

    private void Report() => _reports = true;

    private void TellReport()
    {
        if (!_reports)
            return;
        _reports = false;
        // A decision that is not carried out yet confirms nothing: no target is confirmed until the calls are done.
        var answered = Vm.Busy ? null : Vm.InNeedAt is null ? Memory.Target : Vm.Told!.Target;
        Do(new VmEffect.TellHost(new VmProtocol.Report(
            Vm.Id,
            Memory.Phase,
            Vm.Stopping ? Vm.StopWhy : Memory.Why ?? (Vm.Silent is not null && !Vm.HasSpoken ? "its guest has not reported yet" : null),
            Memory.Sizes,
            Memory.Sizes is null ? null : new(Memory.Actual, Memory.Ceiling, answered))
        {
            Heard = Vm.Heard,
            Lease = Vm.Told?.Lease ?? MemorySize.Zero,
            Capabilities = Memory.Capabilities,
            Most = Memory.Target is null ? null : Ladder.Reachable(Memory, Memory.Max),
            Hello = Vm.Hello,
            Sample = Vm.Sample,
            Cost = Vm.Cost,
            Resident = Vm.Resident,
            Warnings = Warnings(),
            Stopping = Vm.Stopping,
            RunState = Memory.RunState,
            Reboots = Memory.Reboots(Now),
            NotHeld = Vm.NotHeld,
            Declines = Memory.Declined is not null || Memory.Actual > Ladder.Reachable(Memory, Memory.Max) + Memory.Profile.Tolerance,
        }));
    }

    /// <summary>Returns the warnings; makes their texts only when their facts have changed, not each second.</summary>
    private ImmutableArray<string> Warnings()
    {
        var of = (Vm.HasSpoken ? null : Vm.Silent, Memory.Capabilities, Vm.Hello, Memory.Sizes?.Base, Memory.ExtendFault, Memory.Declined);
        if (of != Vm.WarnedOf)
            Vm = Vm with { WarnedOf = of, Warnings = Words(of.Item1, of.Capabilities, of.Hello, of.Item4, of.ExtendFault, of.Declined) };
        return Vm.Warnings;
    }

    private ImmutableArray<string> Words(
        string? silent, VmCapabilities? can, GuestHello? hello, MemorySize? @base, string? fault, Declined? declined) =>
    [
        .. silent is not null ? [silent] : ImmutableArray<string>.Empty,
        .. can?.Lacks ?? [],
        .. hello is not null ? GuestGrowth.Limits(hello, @base, Memory.Profile) : [],
        .. fault is not null ? [$"a further hotplug device was refused: {fault}"] : ImmutableArray<string>.Empty,
        .. declined is null ? ImmutableArray<string>.Empty
        : [$"its guest has not taken {declined.Missing} that it was given, so others may have it; it is tried again now and then"],
    ];
}
