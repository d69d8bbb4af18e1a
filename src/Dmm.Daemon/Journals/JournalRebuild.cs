using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>What the rebuilt journal says of one VM.</summary>
public sealed record Rebuilt(VmId Vm, string Text, bool Known);

/// <summary>
/// <c>dmmd journal rebuild</c>: makes a new journal from what the hypervisor says. Each running VM is promised its ceiling, the most
/// that it can become from what its devices were told, so that the ledger's claim is never below what it may take. Its policy comes
/// from the readable part of the old journal. Without one, its min is what it has and its max is that ceiling, until its operator says
/// otherwise. The old journal is moved aside.
/// </summary>
public static class JournalRebuild
{
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait for a VM's answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <exception cref="HypervisorException">
    /// A VM runs and does not answer. Nothing was changed then, because its memory would be promised to others.
    /// </exception>
    public static async Task<(IReadOnlyList<Rebuilt> Vms, string? Aside)> RunAsync(
        string path, HostState empty, IHypervisor hypervisor, Clocks clocks, CancellationToken cancellation)
    {
        var (known, now) = (Salvage(path, empty, clocks), clocks.Wall);
        List<Rebuilt> report = [];
        List<IHostEvent> events = [new JournalBegun(now, "rebuilt from what the hypervisor says")];
        List<VmHandle> taken = [];
        var running = ((IInventory)hypervisor).Running();
        foreach (var (id, handle) in known.LetGo)
        {
            var held = known.Ledger.LetGo[id];
            events.Add(new VmForgotten(now, id) { Handle = handle, Held = held });
            report.Add(new(id, $"DMM was told to forget it; it may take {held} as long as it runs", true));
        }

        foreach (var id in running)
        {
            var handle = await Within(c => ((IInventory)hypervisor).TakeStockAsync(id, c), id, cancellation);
            if (known.LetGoAs(handle) is null)
                await TakeInAsync(handle);
        }

        // VMs that somebody else started are known only from the old journal.
        foreach (var (id, vm) in known.Vms.Where(vm => !running.Contains(vm.Key)))
        {
            try
            {
                await TakeInAsync(vm.Handle);
            }
            catch (VmGoneException gone)
            {
                KeepOrLeaveOut(id, vm.Spec?.Under(vm.Policy), vm.Overhead, vm.ImageNeeds, gone.Message, !vm.EverBooted, vm.MigratedAway);
            }
            catch (HypervisorException unreachable) when (!vm.Handle.IsKnown() && vm.Spec is null)
            {
                // Nothing shows that the VM is gone, so the memory that it may hold stays claimed.
                events.Add(new VmAdopted(now, vm.Policy, vm.Handle, vm.Promise.Granted + vm.Promise.Lease, vm.Overhead));
                report.Add(
                    new(id, $"can't be reached ({unreachable.Message}), and may run: its claim of {vm.Promise.Granted} stands as in the "
                        + $"old journal", true));
            }
        }

        foreach (var (id, admission) in known.Admissions.Where(a => !running.Contains(a.Key)))
        {
            KeepOrLeaveOut(
                id, admission.Tries is null ? null : admission.Spec, admission.Overhead, admission.ImageNeeds,
                $"it was {(admission.Reserved is null ? "waiting for memory" : "being launched")}; create it again",
                admission.NeverBooted);
        }

        foreach (var (id, vm) in known.Resting.Where(vm => !running.Contains(vm.Key)))
            KeepOrLeaveOut(
                id, vm.Spec, vm.Overhead, vm.ImageNeeds, vm.Why, vm.NeverBooted, vm.Cause == EndCause.MigratedAway, always: true);
        // A host that is out of service stays so; what still runs is asked again only by an operator.
        if (known.Drain is { } drain)
            events.Add(new HostDrainBegun(now, now, drain.Kill, drain.Stay, drain.BootId, []) { Since = clocks.WallOf(drain.Since) });
        return (report, JournalFile.Replace(path, events, now));

        // A person decides whether the VM returns, because much may have changed since.
        void KeepOrLeaveOut(
            VmId id, VmSpec? spec, MemorySize overhead, MemorySize imageNeeds, string why, bool neverBooted, bool away = false,
            bool always = false)
        {
            var keep = spec is not null && (always || spec.Restart != RestartPolicy.Never);
            if (keep)
            {
                events.Add(new VmRested(now, spec!, overhead, away ? EndCause.MigratedAway : EndCause.Failed, why, null, 0)
                {
                    ImageNeeds = imageNeeds,
                    NeverBooted = neverBooted,
                });
            }

            report.Add(new(id, keep ? $"does not run ({why}): it stays stopped until 'dmm vm start {id}'" : $"left out: {why}", true));
        }

        async Task TakeInAsync(VmHandle handle)
        {
            if (taken.Find(handle.SameProcess) is { } same)
            {
                report.Add(new(handle.Id, $"left out: {handle.Whereabouts()} is governed as {same.Id} already", true));
                return;
            }

            taken.Add(handle);
            var (sizes, overhead) = await Within(c => LookAsync(hypervisor, handle, c), handle.Id, cancellation);
            var old = known.Vms.GetValueOrDefault(handle.Id);
            var spec = old?.Spec ?? (known.Admissions.TryGetValue(handle.Id, out var admission) ? admission.Spec : null);
            var policy = old?.Policy ?? spec?.Policy;
            var ceiling = MemorySize.Max(sizes.Actual, sizes.Ceiling);
            if (spec is not null && policy is not null && handle.Owned)
            {
                events.Add(
                    new VmRequested(now, spec with { Policy = policy }, overhead, now)
                    {
                        Tries = old?.Tries,
                        ImageNeeds = old?.ImageNeeds
                        ?? MemorySize.Zero
                    });
                events.Add(new LaunchBegun(now, handle.Id, handle.Base + overhead));
                events.Add(new VmLaunched(now, handle.Id, handle));
                events.Add(new VmBooted(now, handle.Id));
                // The VM started early and got the size that it asked for since, so nothing is owed to it.
                if (old is { Owed: null } && handle.Base < spec.Boot)
                    events.Add(new PromisesChanged(now, [new(handle.Id, spec.Boot, spec.Boot, false, default)]));
                events.Add(new PromisesChanged(now, [new(handle.Id, ceiling, ceiling, false, default)]));
            }
            else
            {
                events.Add(new VmAdopted(now, policy ?? new(sizes.Actual, ceiling), handle, ceiling, overhead));
            }

            if (old?.OperatorTarget is { } target)
                events.Add(new OperatorTargetSet(now, handle.Id, target));
            if (old is { MigratedAway: true })
                events.Add(new VmMigratedAway(now, handle.Id));
            if (old?.Stop is { } stop)
                events.Add(new StopAsked(now, handle.Id, stop.Grace) { Kill = stop.Kill });
            else if (old is { Unwanted: true })
                events.AddRange([new StopAsked(now, handle.Id, TimeSpan.Zero), new StopGivenUp(now, handle.Id, "")]);
            report.Add(policy is { } p
                ? new(handle.Id, $"has {sizes.Actual}; min {p.Min}, max {p.Max}, shares {p.Shares} from the old journal", true)
                : new(handle.Id,
                    $"has {sizes.Actual}; its policy is lost: min {sizes.Actual}, max {ceiling} until 'dmm vm set {handle.Id}' says "
                        + $"otherwise", false));
        }
    }

    /// <summary>Reads as much of a broken journal as possible; events that can't be applied are skipped.</summary>
    public static HostState Salvage(string path, HostState empty, Clocks now)
    {
        var state = empty;
        if (!File.Exists(path))
            return state;
        try
        {
            using var connection = JournalFile.Open(path, Busy, readOnly: true);
            var after = 0L;
            if (Whole(JournalReader.Snapshots(connection)).FirstOrDefault(s => s.Content is HostSnapshot) is { } snapshot)
            {
                state = ((HostSnapshot)snapshot.Content!).Events.Aggregate(state, Try);
                after = snapshot.Sequence;
            }

            return Whole(JournalReader.Events(connection)).Where(e => e.Sequence > after).Select(e => e.Content).OfType<IHostEvent>()
                .Aggregate(state, Try);
        }
        catch (SqliteException)
        {
            return state;
        }

        HostState Try(HostState state, IHostEvent e)
        {
            try
            {
                return state.Apply(e, now);
            }
            catch (Exception fault) when (fault is KeyNotFoundException or ArgumentException or InvalidOperationException
                or OverflowException)
            {
                return state;
            }
        }
    }

    /// <summary>Returns the entries up to the first page that can't be read.</summary>
    private static List<JournalEntry> Whole(IEnumerable<JournalEntry> entries)
    {
        List<JournalEntry> read = [];
        try
        {
            read.AddRange(entries);
        }
        catch (SqliteException)
        {
            // The entries that were read so far are the result.
        }

        return read;
    }

    private static async Task<(VmSizes Sizes, MemorySize Overhead)> LookAsync(
        IHypervisor hypervisor, VmHandle handle, CancellationToken cancellation)
    {
        await using var vm = await hypervisor.ConnectAsync(handle, _ => { }, cancellation);
        return (await vm.TakeStockAsync(cancellation), (await vm.MeasureAsync(cancellation))?.Overhead ?? MemorySize.FromMiB(64));
    }

    private static async Task<T> Within<T>(Func<CancellationToken, Task<T>> ask, VmId id, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Patience);
        try
        {
            return await ask(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HypervisorException(
                $"{id} runs and did not answer within {Patience.TotalSeconds:0} s; without it nothing was changed");
        }
    }
}
