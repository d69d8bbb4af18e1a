using System.Collections.Immutable;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>A VM as the journal knows it.</summary>
/// <param name="Spec">What it was launched from; null for an adopted VM.</param>
/// <param name="Overhead">As it was expected; the ledger's claim holds what was measured since, where that is more.</param>
public sealed record VmRecord(
    VmPolicy Policy, VmHandle Handle, Promise Promise, MemorySize Overhead, VmSpec? Spec, MemorySize? OperatorTarget, TimeSpan? StopGrace);

/// <summary>A VM that someone wants.</summary>
/// <param name="Reserved">Set aside once its launch has begun; null before.</param>
public sealed record AdmissionRecord(VmSpec Spec, MemorySize Overhead, DateTimeOffset At, DateTimeOffset Deadline, MemorySize? Reserved)
{
    public MemorySize Size => Spec.Boot + Overhead;
}

/// <summary>The fold of the journal, with the ledger in it. The ledger also holds what VMs report, which is never persisted.</summary>
public sealed record HostState(Ledger Ledger)
{
    public ImmutableSortedDictionary<VmId, VmRecord> Vms { get; init; } = ImmutableSortedDictionary<VmId, VmRecord>.Empty;

    public ImmutableSortedDictionary<VmId, AdmissionRecord> Admissions { get; init; } = ImmutableSortedDictionary<VmId, AdmissionRecord>.Empty;

    public HostState Apply(IHostEvent e) => e switch
    {
        VmRequested r => this with { Admissions = Admissions.SetItem(r.Spec.Id, new(r.Spec, r.Overhead, r.At, r.Deadline, null)) },
        LaunchBegun b => this with
        {
            Admissions = Admissions.SetItem(b.Vm, Admissions[b.Vm] with { Reserved = b.Reserved }),
            // At recovery the host may have become smaller: the promise stands all the same, and the deficit is said.
            Ledger = Ledger.Reserve(b.Vm, b.Reserved) ?? Ledger.TakeIn(b.Vm, new(MemorySize.Zero, b.Reserved, MemorySize.Zero)),
        },
        VmLaunched l => Launched(l),
        AdmissionEnded a => this with { Admissions = Admissions.Remove(a.Vm), Ledger = Ledger.EndReservation(a.Vm).Release(a.Vm) },
        VmAdopted a => this with
        {
            Vms = Vms.SetItem(a.Handle.Id, new(a.Policy, a.Handle, new(a.Granted, a.Granted), a.Overhead, null, null, null)),
            Ledger = Ledger.TakeIn(a.Handle.Id, new(MemorySize.Zero, a.Granted, a.Overhead)),
        },
        PolicySet p => With(p.Vm, vm => vm with { Policy = p.Policy }),
        OperatorTargetSet t => With(t.Vm, vm => vm with { OperatorTarget = t.Target }),
        PromisesChanged p => Changed(p),
        StopAsked s => With(s.Vm, vm => vm with { StopGrace = s.Grace }),
        VmEnded d => Without(d.Vm),
        VmForgotten f => Without(f.Vm),
        _ => throw new ArgumentOutOfRangeException(nameof(e), e, "not an event of the host"),
    };

    /// <summary>The shortest history that leads to this state: the form in which it is kept in a snapshot.</summary>
    public ImmutableArray<IHostEvent> Condense(DateTimeOffset now)
    {
        var events = ImmutableArray.CreateBuilder<IHostEvent>();
        foreach (var (id, admission) in Admissions)
        {
            events.Add(new VmRequested(admission.At, admission.Spec, admission.Overhead, admission.Deadline));
            if (admission.Reserved is { } reserved)
                events.Add(new LaunchBegun(now, id, reserved));
        }

        foreach (var (id, vm) in Vms)
        {
            if (vm.Spec is { } spec)
            {
                events.Add(new VmRequested(now, spec with { Policy = vm.Policy }, vm.Overhead, now));
                events.Add(new LaunchBegun(now, id, spec.Boot + vm.Overhead));
                events.Add(new VmLaunched(now, id, vm.Handle));
            }
            else
            {
                events.Add(new VmAdopted(now, vm.Policy, vm.Handle, vm.Promise.Granted, vm.Overhead));
            }

            events.Add(new PromisesChanged(now, [new(id, vm.Promise.Granted, vm.Promise.Target, false, default)]));
            if (vm.OperatorTarget is { } target)
                events.Add(new OperatorTargetSet(now, id, target));
            if (vm.StopGrace is { } grace)
                events.Add(new StopAsked(now, id, grace));
        }

        return events.ToImmutable();
    }

    private HostState Launched(VmLaunched l)
    {
        var admission = Admissions[l.Vm];
        var boot = admission.Spec.Boot;
        return this with
        {
            Admissions = Admissions.Remove(l.Vm),
            Vms = Vms.SetItem(l.Vm, new(admission.Spec.Policy, l.Handle, new(boot, boot), admission.Overhead, admission.Spec, null, null)),
            Ledger = Ledger.Convert(l.Vm, new(MemorySize.Zero, boot, admission.Overhead)),
        };
    }

    private HostState Changed(PromisesChanged p)
    {
        var (vms, ledger) = (Vms, Ledger);
        foreach (var change in p.Changes)
        {
            if (!vms.TryGetValue(change.Vm, out var vm))
                continue;
            vms = vms.SetItem(change.Vm, vm with { Promise = new(change.Granted, change.Target) });
            // Decided against the same ledger, so this does not refuse; only a host that has shrunk since then can, and the promise stands.
            ledger = ledger.Grant(change.Vm, change.Granted) ?? ledger.TakeIn(change.Vm, ledger.Claims[change.Vm] with { Granted = change.Granted });
        }

        return this with { Vms = vms, Ledger = ledger };
    }

    private HostState With(VmId id, Func<VmRecord, VmRecord> change) =>
        Vms.TryGetValue(id, out var vm) ? this with { Vms = Vms.SetItem(id, change(vm)) } : this;

    private HostState Without(VmId id) => this with { Vms = Vms.Remove(id), Ledger = Ledger.Release(id) };
}
