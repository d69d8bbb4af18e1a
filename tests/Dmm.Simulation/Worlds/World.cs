using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Worlds;

/// <summary>
/// A host and its VMs: the real state, as opposed to what a daemon believes. It outlives daemons. Each depth derives a world that lets
/// time go by, carries messages and calls, and decides when faults occur.
/// </summary>
internal abstract class World<TVm>
    where TVm : WorldVm
{
    private readonly SortedDictionary<VmId, TVm> _processes = [];
    private IReadOnlyList<TVm>? _running;
    private int _boot = 1;
    private int _pid;

    /// <summary>The last process of each name, whether it still runs or not.</summary>
    public IReadOnlyDictionary<VmId, TVm> Processes => _processes;

    /// <summary>The VMs that run, in the order of their names, whether a daemon knows of them or not.</summary>
    public IReadOnlyList<TVm> Running => _running ??= [.. _processes.Values.Where(static vm => vm.Running)];

    /// <summary>The identity of the host's current boot.</summary>
    public string BootId => $"boot-{_boot}";

    public TVm? ProcessOf(VmId id) => _processes.GetValueOrDefault(id);

    /// <summary>The VM of this name that runs.</summary>
    public TVm? Find(VmId id) => ProcessOf(id) is { Running: true } vm ? vm : null;

    /// <summary>This very process runs, not another of the same name.</summary>
    public bool Runs(VmHandle handle) =>
        Find(handle.Id) is { } vm && vm.Handle.SameProcess(handle) && vm.Handle.BootId == handle.BootId;

    /// <summary>The cause of a VM's end, as its leftovers show it to a later daemon.</summary>
    public EndCause CauseOf(VmId id) => ProcessOf(id)?.Cause ?? EndCause.Failed;

    public void End(VmId id, string why, EndCause cause = EndCause.Failed)
    {
        if (Find(id) is { } vm)
            End(vm, why, cause);
    }

    /// <summary>Ends the VM's process, whoever caused it.</summary>
    /// <param name="tell">Whether its driver sees it end.</param>
    public void End(TVm vm, string why, EndCause cause = EndCause.Failed, bool tell = true)
    {
        if (!vm.Running)
            return;
        Say($"the process of {vm.Id} ends: {why}");
        _running = null;
        vm.End(why, cause, tell);
    }

    /// <summary>Changes the guest's run state: it pauses, goes on, or is migrated away. Whoever is connected is told.</summary>
    /// <param name="from">The state that it must be in, otherwise nothing is done; null: any.</param>
    public void Turn(TVm vm, VmRunState state, VmRunState? from = null)
    {
        var now = vm.Guest.RunState;
        if (!vm.Running || now == state || (from ?? now) != now)
            return;
        Say($"{vm.Id} is {state}");
        vm.Guest.RunState = state;
        vm.Tell(new VmObservation.RunState(state, WorldVm.WhyOf(state)));
    }

    /// <summary>A VM that was migrated away is told to quit.</summary>
    public void QuitIfAway(TVm vm, EndCause cause = EndCause.PoweredDown)
    {
        if (vm.Guest.RunState == VmRunState.MigratedAway)
            End(vm, "it was told to quit", cause);
    }

    /// <summary>Restarts the host: no VM survives, and no daemon saw any of them end.</summary>
    public virtual void Reboot()
    {
        _boot++;
        foreach (var vm in Running)
            End(vm, "the host restarts", EndCause.HostRestarted, tell: false);
    }

    /// <summary>From now on guests behave, and what people began is finished: pauses and migrations end.</summary>
    public void Behave()
    {
        foreach (var vm in Running)
        {
            vm.Behave();
            Turn(vm, VmRunState.Running, from: VmRunState.Paused);
            Turn(vm, VmRunState.MigratedAway, from: VmRunState.MigratingOut);
            QuitIfAway(vm);
        }
    }

    /// <summary>Notes from the journal which VMs are governed: a VM that was let go, and not adopted since, runs on by itself.</summary>
    public void NoteLetGo(IHostEvent e)
    {
        var (id, letGo) = e switch
        {
            VmForgotten forgotten => (forgotten.Vm, true),
            VmAdopted adopted => (adopted.Handle.Id, false),
            VmLaunched launched => (launched.Vm, false),
            _ => default,
        };
        // Whoever governs it from now on has not measured it yet.
        if (Find(id) is { } vm)
            (vm.LetGo, vm.Counted) = (letGo, MemorySize.Zero);
    }

    /// <summary>What a look at the host shows of these VMs and of its memory.</summary>
    /// <param name="hidden">Asked for each of them that runs: whether its process can't be looked at now.</param>
    protected HostReading Look(
        IReadOnlyCollection<VmHandle> watched, Func<VmId, bool> hidden, MemorySize total, MemorySize available, Moment now)
    {
        // In the order of the books: a set of names has another order in each process, and fate would meet another VM in each.
        VmId[] running = [.. watched.Where(Runs).Select(vm => vm.Id)];
        VmId[] unseen = [.. running.Where(id => _processes[id].Opaque || hidden(id))];
        return new(total, available, now)
        {
            Resident = running.Except(unseen).ToImmutableDictionary(id => id, id => _processes[id].ReadAt(now)),
            Gone = [.. watched.Select(vm => vm.Id).Except(running)],
            Hidden = [.. unseen],
        };
    }

    protected VmHandle NewHandle(VmId id, MemorySize boot) => new(id, "simulation", boot, "", ++_pid, PidStart: 0, BootId, Owned: true);

    /// <summary>Another process runs from now on.</summary>
    protected void Add(TVm vm)
    {
        if (Find(vm.Id) is not null)
            throw new ViolationException("two processes", $"one of {vm.Id} runs, and another is started");
        (_processes[vm.Id], _running) = (vm, null);
    }

    /// <summary>Notes a line of the history.</summary>
    protected abstract void Say(string what);
}
