using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Journals;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>Messages to the host's actor from operators (through the daemon) and from the admission actor.</summary>
public static class HostProtocol
{
    // From operators; answered by Done or Refused.

    /// <param name="Ceiling">
    /// The most that it can become with its devices as they are (<see cref="VmSizes.Ceiling"/>); it is granted this.
    /// </param>
    public sealed record AdoptVm(VmHandle Handle, VmPolicy Policy, MemorySize Ceiling, MemorySize Overhead) : IHostCommand
    {
        /// <summary>When its devices began to be read: <see cref="Ceiling"/> is not older.</summary>
        public required Moment ReadAt { get; init; }

        /// <summary>The host memory that its process holds; null where nobody could look.</summary>
        public HeldMemory? Resident { get; init; }

        /// <summary>What its balloon holds beside that, and its guest could take back by itself.</summary>
        public MemorySize Returnable { get; init; }

        /// <summary>The name under which this daemon's driver launched the process; null where somebody else did.</summary>
        public VmId? LaunchedAs { get; init; }

        /// <summary>Notes for the operator about it, one line each.</summary>
        public ImmutableArray<string> Notes { get; init; } = [];
    }

    /// <summary>Changes a policy; null leaves a value as it is.</summary>
    public sealed record SetPolicy(VmId Vm, MemorySize? Min, MemorySize? Max, int? Shares) : IHostCommand
    {
        public RestartPolicy? Restart { get; init; }

        public VmPolicy Of(VmPolicy before) =>
            before with { Min = Min ?? before.Min, Max = Max ?? before.Max, Shares = Shares ?? before.Shares };
    }

    /// <summary>Sets an operator's target; null: DMM decides again.</summary>
    public sealed record ResizeVm(VmId Vm, MemorySize? Target) : IHostCommand;

    public sealed record StopVm(VmId Vm, StopOrder Order) : IHostCommand;

    /// <summary>Asks now for a VM that was stopped or waits for its return. A VM that is to stop goes on.</summary>
    /// <param name="Timeout">How long it may wait for its memory; null: as long as any new VM.</param>
    public sealed record StartVm(VmId Vm, TimeSpan? Timeout) : IHostCommand
    {
        /// <summary>Starts even a VM that was migrated away: the operator knows that it runs nowhere else.</summary>
        public bool Force { get; init; }
    }

    public sealed record ForgetVm(VmId Vm) : IHostCommand;

    /// <summary>
    /// Takes the host out of service: it takes no VM, and its VMs are asked to power down. Answered by <see cref="HostDone"/>. A second
    /// order replaces the deadline of the first.
    /// </summary>
    /// <param name="Deadline">How long all guests have.</param>
    /// <param name="Kill">Whether the process of a VM that still runs then is ended.</param>
    public sealed record DrainHost(TimeSpan Deadline, bool Kill) : IHostCommand
    {
        /// <summary>True: it stays over a restart of the host. A later order without this does not take it back.</summary>
        public bool Stay { get; init; }

        /// <summary>True: VMs that somebody else started are asked, too.</summary>
        public bool Adopted { get; init; }
    }

    /// <summary>Takes the host back into service. Answered by <see cref="HostDone"/>, or <see cref="Refused"/> where it is.</summary>
    public sealed record UndrainHost : IHostCommand;

    /// <param name="Status">The host after the change.</param>
    public sealed record HostDone(string Text, Status Status);

    public sealed record Done(VmId Vm, string Text, ImmutableArray<string> Notes);

    public enum RefusalKind
    {
        NotFound,
        Conflict,
        Refused,
        Failed,

        /// <summary>Not now: the journal can't be written, or the daemon is starting.</summary>
        Unavailable,
    }

    public sealed record Refused(RefusalKind Kind, string Why)
    {
        /// <summary>True where the same command will be done in a moment: what it lacks is on lease, and is being taken back.</summary>
        public bool Soon { get; init; }
    }

    /// <summary>
    /// Asks what would happen to a VM that was requested now. Answered by <see cref="DryRunResult"/> or <see cref="Refused"/>; nothing is
    /// written.
    /// </summary>
    public sealed record DryRunVm(VmSpec Spec, MemorySize Overhead, MemorySize ImageNeeds, TimeSpan? Timeout) : IHostCommand;

    /// <param name="Boot">The memory that it would boot with, where it would start at once.</param>
    /// <param name="Plan">The peers that would give for it.</param>
    public sealed record DryRunResult(VmId Vm, Prospect Prospect, string Text, MemorySize? Boot, RoomPlan? Plan);

    /// <summary>Answered by <see cref="Status"/>.</summary>
    public sealed record GetStatus : IHostCommand;

    /// <summary>A picture of the host as its actor knows it now.</summary>
    public sealed record Status(
        HostState State,
        ImmutableDictionary<VmId, VmProtocol.Report> Reports,
        ImmutableDictionary<VmId, Forecast> Forecasts,
        MemorySize Cushion)
    {
        /// <summary>The setting <c>dmm.host.memory</c>; the ledger may count on less.</summary>
        public MemorySize ConfiguredMemory { get; init; }

        /// <summary>The setting <c>dmm.vm.trust</c>.</summary>
        public Trust Trust { get; init; }

        /// <summary>The host's own memory as DMM saw it; null where nobody looks.</summary>
        public HostOutlook? Outlook { get; init; }

        /// <summary>The host's problems, one line each.</summary>
        public ImmutableArray<string> Problems { get; init; } = [];

        /// <summary>Which VM waits for whose memory, in the order in which it is promised.</summary>
        public ImmutableArray<Wait> Waits { get; init; } = [];

        /// <summary>The VMs that move.</summary>
        public ImmutableArray<Operation> InFlight { get; init; } = [];

        /// <summary>The VMs that have a new target and wait for their turn, and since when.</summary>
        public ImmutableSortedDictionary<VmId, Moment> Held { get; init; } = ImmutableSortedDictionary<VmId, Moment>.Empty;

        /// <summary>The state of the journal. While it is not writable, the rest of this is what was known last.</summary>
        public JournalHealth? Journal { get; init; }

        /// <summary>The time from the start of the process to the first plan; null before it.</summary>
        public TimeSpan? InControl { get; init; }

        /// <summary>The time from the start of the process until every VM had reported; null before that.</summary>
        public TimeSpan? AllActors { get; init; }
    }

    // From the line of VMs to come.

    /// <summary>
    /// Asks to write to the journal that this VM is wanted. Answered by <see cref="AdmissionProtocol.Recorded"/> or
    /// <see cref="AdmissionProtocol.RecordRefused"/>.
    /// </summary>
    public sealed record RecordRequest(VmSpec Spec, MemorySize Overhead, MemorySize ImageNeeds, Moment Deadline) : IHostCommand;

    /// <summary>The line of VMs to come has started, or restarted, and knows nothing.</summary>
    public sealed record LineStarted : IHostCommand;

    /// <summary>
    /// The answer to a picture (<see cref="AdmissionProtocol.HostIs"/>), also where there are no steps. The host writes these steps down
    /// and acts on them if its state is still the one that they were decided on.
    /// </summary>
    /// <param name="Version">
    /// The <see cref="Host.Version"/> that the steps were decided on. If the host has changed since, it sends a new picture instead.
    /// </param>
    public sealed record TakeSteps(ImmutableArray<QueueMove> Steps, long Version) : IHostCommand;

    /// <summary>
    /// Ends a request: it is cancelled, or its deadline has passed. Answered by <see cref="AdmissionProtocol.NotGivenUp"/> where it is too
    /// late for that.
    /// </summary>
    public sealed record GiveUp(VmId Vm, AdmissionEnd End, string Why) : IHostCommand;
}
