using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>The last target that a VM's actor was told since it started, and the number of that message.</summary>
public sealed record Told(VmProtocol.SetTarget Message, long Number);

/// <summary>Decides which VMs are told their targets now, and which wait for a place (<see cref="Operations"/>). Pure.</summary>
public static class HostDispatch
{
    /// <summary>
    /// Returns what a report confirms. It confirms nothing while its VM has been told a target that it had not heard of when it reported.
    /// Otherwise it confirms the promise, as far as the VM was told: a VM that is held back knows only its last target, and may still
    /// become that, and take its last lease.
    /// </summary>
    public static Confirmation? Answer(VmProtocol.Report report, Told? told, Promise promise) =>
        report.Confirmation is not { Target: { } target } standing ? report.Confirmation
        : report.Heard != (told?.Number ?? 0) ? standing.Unanswered()
        : standing with
        {
            Target = promise.Target,
            Ceiling = MemorySize.Max(standing.Ceiling, target + report.Lease.MinusOrZero(promise.Lease)),
        };

    public static (ImmutableArray<(VmId Vm, VmProtocol.SetTarget Message)> Tell, Operations Next) Next(
        HostState state,
        ImmutableDictionary<VmId, VmProtocol.Report> reports,
        ImmutableDictionary<VmId, Forecast> forecasts,
        IReadOnlyDictionary<VmId, Told> told,
        Operations operations,
        ImmutableArray<Wait> waits,
        HostSettings settings,
        Moment now)
    {
        var awaited = new Dictionary<VmId, bool>();
        foreach (var wait in waits)
        {
            foreach (var giver in wait.From)
                awaited[giver.Vm] = wait.Urgent || awaited.GetValueOrDefault(giver.Vm);
        }

        var tell = ImmutableArray.CreateBuilder<(VmId, VmProtocol.SetTarget)>();
        var messages = new Dictionary<VmId, VmProtocol.SetTarget>();
        var underWay = new List<Operation>();
        var wishes = new List<OperationWish>();
        foreach (var (id, vm) in state.Vms)
        {
            // Before a VM reports, nobody knows which devices a move would need; it is asked for nothing.
            if (!reports.TryGetValue(id, out var report) || report is not { Sizes: { } sizes, Capabilities: { } can })
                continue;
            var message = new VmProtocol.SetTarget(
                vm.Promise.Target, vm.Policy.Min, vm.Policy.Max, HostPlanner.Fresh(forecasts.GetValueOrDefault(id), now)?.Urgent == true)
            {
                Overhead = state.Ledger.Claims[id].Overhead,
                Lease = vm.Promise.Lease,
            };
            var last = told.GetValueOrDefault(id);
            var urgent = message.Urgent || awaited.GetValueOrDefault(id);
            var spark = vm.Policy.Max > sizes.Base ? settings.Spark : MemorySize.Zero;

            // A VM that moves already has its place: it can be turned round at once. The balloon needs no place to take its spark back, so
            // the last few MiB do not count.
            var moves = last is not null && !report.Stopping && (report.Heard != last.Number
                || (report.Phase is VmPhase.Growing or VmPhase.Shrinking && Ladder.Distance(sizes.Actual, last.Message.Target) > spark
                    + settings.Tolerance));
            if (moves)
                underWay.Add(new(id, Operations.Needs(sizes, can, last!.Message.Target, spark, settings.Tolerance), urgent));
            if (last?.Message == message)
                continue;
            var needs = Operations.Needs(sizes, can, message.Target, spark, settings.Tolerance);
            if (moves || last?.Message.Target == message.Target || needs == Mechanisms.None)
            {
                tell.Add((id, message));
            }
            else if (report.Phase != VmPhase.Booting)
            {
                messages[id] = message;
                wishes.Add(new(id, needs, urgent, message.Target < sizes.Actual && !awaited.ContainsKey(id)));
            }
        }

        var (begin, next) = operations.Decide(underWay, wishes, settings.Operations, now);
        tell.AddRange(begin.Select(id => (id, messages[id])));
        return (tell.ToImmutable(), next);
    }
}
