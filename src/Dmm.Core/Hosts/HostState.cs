using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>A VM as the journal knows it.</summary>
/// <param name="Spec">The spec that it was launched from; null for an adopted VM.</param>
/// <param name="Overhead">The expected overhead.</param>
public sealed record VmRecord(
    VmPolicy Policy, VmHandle Handle, Promise Promise, MemorySize Overhead, VmSpec? Spec, MemorySize? OperatorTarget, StopOrder? Stop)
{
    /// <summary>The size that it asked to boot with, while it has less because it started early; it grows to that.</summary>
    public MemorySize? Owed { get; init; }

    /// <summary>The overhead that counts because it was measured; zero before.</summary>
    public MemorySize Measured { get; init; }

    /// <summary>When <see cref="Measured"/> last changed.</summary>
    public Moment MeasuredAt { get; init; }

    /// <summary>When its guest was first heard from in this run; null before.</summary>
    public Moment? BootedAt { get; init; }

    /// <summary>True where its guest was heard from in an earlier run.</summary>
    public bool BootedBefore { get; init; }

    public bool EverBooted => BootedBefore || BootedAt is not null;

    /// <summary>True where its guest was migrated, or is being migrated: it may run elsewhere.</summary>
    public bool MigratedAway { get; init; }

    /// <summary>True where an operator stopped it, whether it has powered down yet or not: when it ends, it stays stopped.</summary>
    public bool Unwanted { get; init; }

    /// <summary>Returns since it last ran well; null in its first run.</summary>
    public int? Tries { get; init; }

    /// <summary>The least memory that its image can boot with; zero where that is not known.</summary>
    public MemorySize ImageNeeds { get; init; }

    /// <summary>How far the drain of its host has come with it; null where it was not asked for one.</summary>
    public VmDrain? Drain { get; init; }
}

/// <summary>A VM that does not run and is remembered.</summary>
/// <param name="ReturnAt">When DMM asks for it again; null: not before an operator starts it.</param>
/// <param name="Tries">Returns since it last ran well, the next one included.</param>
public sealed record RestingVm(VmSpec Spec, MemorySize Overhead, EndCause Cause, string Why, Moment Since, Moment? ReturnAt, int Tries)
{
    /// <summary>The least memory that its image can boot with; zero where that is not known.</summary>
    public MemorySize ImageNeeds { get; init; }

    /// <summary>True where its guest was never heard from in any of its runs.</summary>
    public bool NeverBooted { get; init; }

    /// <summary>True where a drain of its host ended it: it returns when the drain ends, whatever its restart policy.</summary>
    public bool Drained { get; init; }

    /// <summary>True where DMM will ask for it again by itself.</summary>
    public bool IsToReturn => ReturnAt is not null || Drained;
}

/// <summary>The fold of the journal, with the ledger in it. The ledger also holds what VMs report, which is never persisted.</summary>
public sealed partial record HostState(Ledger Ledger)
{
    public ImmutableSortedDictionary<VmId, VmRecord> Vms { get; init; } = ImmutableSortedDictionary<VmId, VmRecord>.Empty;

    public ImmutableSortedDictionary<VmId, AdmissionRecord> Admissions { get; init; } = ImmutableSortedDictionary<VmId,
        AdmissionRecord>.Empty;

    /// <summary>VMs that do not run and are remembered; they hold no memory.</summary>
    public ImmutableSortedDictionary<VmId, RestingVm> Resting { get; init; } = ImmutableSortedDictionary<VmId, RestingVm>.Empty;

    /// <summary>
    /// VMs that were let go and have not been seen to be gone; the ledger holds what they may take. Events tell which VMs were let go. A
    /// look at the host tells which of them are gone (<see cref="Gone"/>); that is never persisted.
    /// </summary>
    public ImmutableSortedDictionary<VmId, VmHandle> LetGo { get; init; } = ImmutableSortedDictionary<VmId, VmHandle>.Empty;

    /// <param name="now">
    /// The clocks that convert the event's time of day: those of the moment when the event was made if it was made just now, otherwise (at
    /// replay) the present ones. From here on, deadlines and ages use the monotonic clock.
    /// </param>
    public HostState Apply(IHostEvent e, Clocks now) => e switch
    {
        JournalBegun => this,
        VmRequested r => this with
        {
            Admissions = Admissions.SetItem(
                r.Spec.Id,
                new(r.Spec, r.Overhead, now.MomentOf(r.At), now.MomentOf(r.Deadline, r.At), null)
                {
                    Number = r.Number,
                    ImageNeeds = r.ImageNeeds,
                    Tries = r.Tries,
                    NeverBooted = r.NeverBooted,
                }),
            Resting = Resting.Remove(r.Spec.Id),
        },
        AdmissionPlanned p => WithAdmission(p.Vm, a => a.Planned(p.Plan, p.Asked, now.MomentOf(p.At))),
        AdmissionWaits w => WithAdmission(w.Vm, a => a.Waits(w.Cause, w.Why, now.MomentOf(w.At))),
        MemoryReserved m => SetAside(m.Vm, m.Boot, m.Size, now.MomentOf(m.At)),
        LaunchBegun b =>
        (Admissions[b.Vm].State == AdmissionState.Reserved ? this
            : SetAside(b.Vm, b.Reserved - Admissions[b.Vm].Overhead, b.Reserved, now.MomentOf(b.At)))
            .WithAdmission(b.Vm, a => a.LaunchBegun(now.MomentOf(b.At))),
        VmLaunched l => Launched(l),
        AdmissionEnded a => Without(a.Vm),
        VmAdopted a => Adopted(a, now.MomentOf(a.At)),
        VmBooted b => With(b.Vm, vm => vm with { BootedAt = now.MomentOf(b.At) }),
        OverheadMeasured m => Measured(m, now.MomentOf(m.At)),
        VmIdentified i => With(i.Vm, vm => vm with { Handle = i.Handle }),
        VmMigratedAway m => With(m.Vm, vm => vm with { MigratedAway = true }),
        VmMigrationUndone m => With(m.Vm, vm => vm with { MigratedAway = false }),
        PolicySet p => With(p.Vm, vm => vm with { Policy = p.Policy }, spec => spec.Under(p.Policy)),
        RestartSet r =>
        With(r.Vm, vm => vm with { Spec = vm.Spec is { } spec ? spec with { Restart = r.Restart } : null },
            spec => spec with { Restart = r.Restart })
            .StayingIf(r.Vm, r.Restart == RestartPolicy.Never),
        OperatorTargetSet t => With(t.Vm, vm => vm with { OperatorTarget = t.Target }),
        PromisesChanged p => Changed(p),
        StopAsked s => With(s.Vm, vm => vm with { Stop = new(s.Grace, s.Kill), Unwanted = true }),
        StopGivenUp g => With(g.Vm, vm => vm with { Stop = null, Drain = vm.Drain is null ? null : VmDrain.RunsOn }),
        StopWithdrawn w => With(w.Vm, vm => vm with { Stop = null, Unwanted = false }),
        VmEnded d => Without(d.Vm),
        VmRested r => Rested(r, now),
        VmForgotten f => Forgotten(f),
        LetGoEnded g => Gone(g.Vm),
        HostDrainBegun d => Drained(d, now),
        HostDrainEnded d => Undrained(now.MomentOf(d.At)),
        _ => throw new ArgumentOutOfRangeException(nameof(e), e, "not an event of the host"),
    };

    /// <summary>Returns the shortest history that leads to this state: the form in which a snapshot keeps it.</summary>
    /// <param name="clocks">Times are written by the wall clock as it goes now, whatever it showed then.</param>
    public ImmutableArray<IHostEvent> Condense(Clocks clocks)
    {
        var now = clocks.Wall;
        var events = ImmutableArray.CreateBuilder<IHostEvent>();
        foreach (var (id, handle) in LetGo)
            events.Add(new VmForgotten(now, id) { Handle = handle, Held = Ledger.LetGo[id] });
        foreach (var (id, vm) in Vms)
        {
            if (vm.Spec is { } spec)
            {
                events.Add(
                    new VmRequested(now, spec with { Policy = vm.Policy }, vm.Overhead, now)
                    {
                        Tries = vm.Tries,
                        ImageNeeds = vm.ImageNeeds,
                        NeverBooted = vm.Tries is not null && !vm.BootedBefore,
                    });
                events.Add(new LaunchBegun(now, id, vm.Handle.Base + vm.Overhead));
                events.Add(new VmLaunched(now, id, vm.Handle));
                if (vm.BootedAt is { } booted)
                    events.Add(new VmBooted(clocks.WallOf(booted), id));
                // It started early and has since had what it asked for: so it is owed nothing.
                if (vm.Owed is null && vm.Handle.Base < spec.Boot)
                    events.Add(new PromisesChanged(now, [new(id, spec.Boot, spec.Boot, false, default)]));
            }
            else
            {
                events.Add(new VmAdopted(clocks.WallOf(vm.BootedAt) ?? now, vm.Policy, vm.Handle, vm.Promise.Granted, vm.Overhead));
            }

            if (!vm.Measured.IsZero)
                events.Add(new OverheadMeasured(clocks.WallOf(vm.MeasuredAt), id, vm.Measured));
            events.Add(new PromisesChanged(
                now, [new(id, vm.Promise.Granted, vm.Promise.Target, false, default) { Lease = vm.Promise.Lease }]));
            if (vm.OperatorTarget is { } target)
                events.Add(new OperatorTargetSet(now, id, target));
            if (vm.MigratedAway)
                events.Add(new VmMigratedAway(now, id));
            if (vm.Stop is { } stop)
                events.Add(new StopAsked(now, id, stop.Grace) { Kill = stop.Kill });
            else if (vm.Unwanted)
                events.AddRange(new StopAsked(now, id, TimeSpan.Zero), new StopGivenUp(now, id, ""));
        }

        foreach (var vm in Resting.Values)
            events.Add(
                new VmRested(
                    clocks.WallOf(vm.Since), vm.Spec, vm.Overhead, vm.Cause, vm.Why, clocks.WallOf(vm.ReturnAt),
                    vm.Tries)
                { ImageNeeds = vm.ImageNeeds, NeverBooted = vm.NeverBooted, Drained = vm.Drained });

        // After the VMs: what is asked of them stands in their promises.
        foreach (var admission in AdmissionLine.InOrder(Admissions.Values))
            events.AddRange(Condense(admission, clocks));
        // Last: a VM that is launched during a drain is asked by its launch.
        events.AddRange(CondenseDrain(clocks));
        return events.ToImmutable();
    }

    /// <summary>The part of the reservations whose launch has begun: a process may hold that memory already.</summary>
    public MemorySize HeldByLaunches => Admissions.Values.Where(static a => a.State == AdmissionState.Launching)
        .Aggregate(MemorySize.Zero, static (sum, a) => sum + (a.Reserved ?? MemorySize.Zero));

    /// <summary>The policies of the VMs that run.</summary>
    public Dictionary<VmId, VmPolicy> Policies() => Vms.ToDictionary(vm => vm.Key, vm => vm.Value.Policy);

    /// <summary>Records that a VM that was let go no longer runs.</summary>
    public HostState Gone(VmId id) => LetGo.ContainsKey(id) ? this with { LetGo = LetGo.Remove(id), Ledger = Ledger.Gone(id) } : this;

    /// <summary>
    /// True where the process that the launch of <paramref name="id"/> found is the VM that was let go under this name; it must not be
    /// taken for the new one.
    /// </summary>
    public bool WasLetGo(VmId id, VmHandle handle) => LetGo.TryGetValue(id, out var loose) && loose.SameProcess(handle);

    /// <summary>Returns the name under which this process was let go; null where it was not.</summary>
    public VmId? LetGoAs(VmHandle handle) => LetGo.Where(vm => vm.Value.SameProcess(handle)).Select(vm => (VmId?)vm.Key).FirstOrDefault();

    /// <summary>Returns the name under which this process is governed; null where it is not.</summary>
    public VmId? GovernedAs(VmHandle handle) =>
        Vms.Where(vm => vm.Value.Handle.SameProcess(handle)).Select(vm => (VmId?)vm.Key).FirstOrDefault();

    private static IEnumerable<IHostEvent> Condense(AdmissionRecord a, Clocks clocks)
    {
        var (id, since) = (a.Spec.Id, clocks.WallOf(a.Since));
        yield return new VmRequested(clocks.WallOf(a.At), a.Spec, a.Overhead, clocks.WallOf(a.Deadline))
        {
            Number = a.Number,
            ImageNeeds = a.ImageNeeds,
            Tries = a.Tries,
            NeverBooted = a.NeverBooted,
        };
        if (a.Plan is { } plan)
            yield return new AdmissionPlanned(since, id, plan, a.State == AdmissionState.Shrinking);
        if (a.Cause is { } cause)
            yield return new AdmissionWaits(since, id, cause, a.Why ?? "");
        if (a.Reserved is { } reserved)
            yield return new MemoryReserved(since, id, a.Boot ?? a.Spec.Boot, reserved);
        if (a.State == AdmissionState.Launching)
            yield return new LaunchBegun(since, id, a.Reserved!.Value);
    }

    private HostState SetAside(VmId vm, MemorySize boot, MemorySize size, Moment at) =>
        WithAdmission(vm, a => a.SetAside(boot, size, at)) with
        {
            // This was decided on the same ledger, so it fits. Only at recovery it may not fit, and the promise stands all the same.
            Ledger = Ledger.Keep(vm, size),
        };

    private HostState Launched(VmLaunched l)
    {
        var admission = Admissions[l.Vm];
        var boot = admission.Boot ?? admission.Spec.Boot;
        var owed = boot < admission.Spec.Boot ? admission.Spec.Boot : (MemorySize?)null;
        var before = Gone(l.Vm);
        return before with
        {
            Admissions = Admissions.Remove(l.Vm),
            Vms = Vms.SetItem(l.Vm, new(admission.Spec.Policy, l.Handle, new(boot, boot), admission.Overhead, admission.Spec, null, null)
            {
                Owed = owed,
                Tries = admission.Tries,
                BootedBefore = admission.Tries is not null && !admission.NeverBooted,
                ImageNeeds = admission.ImageNeeds,
                Drain = Drain is null ? null : VmDrain.Asked,
            }),
            Ledger = before.Ledger.Convert(l.Vm, new(MemorySize.Zero, boot, admission.Overhead)),
        };
    }

    private HostState Measured(OverheadMeasured m, Moment at) =>
        !Vms.TryGetValue(m.Vm, out var vm) ? this : this with
        {
            Vms = Vms.SetItem(m.Vm, vm with { Measured = m.Overhead, MeasuredAt = at }),
            Ledger = Ledger.Observe(m.Vm, Ledger.Claims[m.Vm].Actual, MemorySize.Max(vm.Overhead, m.Overhead)),
        };

    private HostState Adopted(VmAdopted a, Moment at)
    {
        var id = a.Handle.Id;
        var before = LetGoAs(a.Handle) is { } name ? Gone(name).Gone(id) : Gone(id);
        return before with
        {
            Vms = Vms.SetItem(id, new(a.Policy, a.Handle, new(a.Granted, a.Granted), a.Overhead, null, null, null) { BootedAt = at }),
            Ledger = before.Ledger.TakeIn(id, new(MemorySize.Zero, a.Granted, a.Overhead)),
        };
    }

    private HostState Rested(VmRested r, Clocks now)
    {
        var returns = r.ReturnAt is { } at ? now.MomentOf(at, r.At) : (Moment?)null;
        return Without(r.Spec.Id) with
        {
            Resting = Resting.SetItem(
                r.Spec.Id,
                new(r.Spec, r.Overhead, r.Cause, r.Why, now.MomentOf(r.At), returns, r.Tries)
                {
                    ImageNeeds = r.ImageNeeds,
                    NeverBooted = r.NeverBooted,
                    Drained = r.Drained,
                }),
        };
    }

    private HostState Forgotten(VmForgotten f)
    {
        var (handle, held) = (f.Handle ?? Vms.GetValueOrDefault(f.Vm)?.Handle, f.Held ?? Ledger.Claims.GetValueOrDefault(f.Vm)?.Size);
        var without = Without(f.Vm);
        return handle is null || held is not { } size ? without
            : without with { LetGo = LetGo.SetItem(f.Vm, handle), Ledger = without.Ledger.LetGoOf(f.Vm, size) };
    }

    private HostState Changed(PromisesChanged p)
    {
        var (vms, ledger) = (Vms, Ledger);
        foreach (var change in p.Changes)
        {
            if (!vms.TryGetValue(change.Vm, out var vm))
                continue;
            vms = vms.SetItem(
                change.Vm, vm with { Promise = change.Promise(), Owed = vm.Owed <= change.Granted ? null : vm.Owed });
            // This was decided on the same ledger, so Grant does not refuse. Only if the host has shrunk since then it may; the promise
            // stands.
            var promise = change.Promise();
            ledger = ledger.Grant(change.Vm, promise.Granted, promise.Lease)
                ?? ledger.TakeIn(change.Vm, ledger.Claims[change.Vm] with { Granted = promise.Granted, Lease = promise.Lease });
        }

        var asked = Admissions.Where(a => a.Value is { State: AdmissionState.Planned, Plan: { From.IsEmpty: false } plan }
            && plan.From.All(part => Told(part, vms)));
        return this with
        {
            Vms = vms,
            Ledger = ledger,
            Admissions = Admissions.SetItems(asked.Select(a => KeyValuePair.Create(a.Key, a.Value.PeersAsked()))),
        };
    }

    /// <summary>True where the peer was told to give its part, or no longer exists.</summary>
    private static bool Told(Contribution part, ImmutableSortedDictionary<VmId, VmRecord> vms) =>
        !vms.TryGetValue(part.Vm, out var vm) || vm.Promise.Target <= part.To;

    private HostState WithAdmission(VmId id, Func<AdmissionRecord, AdmissionRecord> change) =>
        this with { Admissions = Admissions.SetItem(id, change(Admissions[id])) };

    /// <param name="ofSpec">The same change for a VM that does not run and is remembered.</param>
    private HostState With(VmId id, Func<VmRecord, VmRecord> change, Func<VmSpec, VmSpec>? ofSpec = null) =>
        Vms.TryGetValue(id, out var vm) ? this with { Vms = Vms.SetItem(id, change(vm)) }
        : ofSpec is not null && Resting.TryGetValue(id, out var resting)
        ? this with { Resting = Resting.SetItem(id, resting with { Spec = ofSpec(resting.Spec) }) }
        : this;

    /// <summary>A VM that waits for its return no longer does so where it stays stopped.</summary>
    private HostState StayingIf(VmId id, bool stays) =>
        stays && Resting.TryGetValue(id, out var resting) ? this with { Resting = Resting.SetItem(id, resting with { ReturnAt = null }) }
        : this;

    /// <summary>Removes everything of a VM: its claim, its reservation and its record.</summary>
    private HostState Without(VmId id) => this with
    {
        Vms = Vms.Remove(id),
        Admissions = Admissions.Remove(id),
        Resting = Resting.Remove(id),
        Ledger = Ledger.EndReservation(id).Release(id),
    };
}
