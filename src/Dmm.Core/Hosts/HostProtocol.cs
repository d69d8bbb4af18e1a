using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Journals;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>What may be said to the host's actor by operators (through the daemon) and by the admission actor.</summary>
public static class HostProtocol
{
    // From operators; answered by Done or Refused.

    /// <param name="Ceiling">
    /// The most that its devices let it become as they stand (<see cref="VmSizes.Ceiling"/>), which it is granted.
    /// </param>
    public sealed record AdoptVm(VmHandle Handle, VmPolicy Policy, MemorySize Ceiling, MemorySize Overhead) : IHostCommand
    {
        /// <summary>What its process holds of the host; null where nobody could look.</summary>
        public MemorySize? Resident { get; init; }

        /// <summary>The name under which this daemon's driver launched the process; null where somebody else did.</summary>
        public VmId? LaunchedAs { get; init; }

        /// <summary>What is to be known of it, a line each.</summary>
        public ImmutableArray<string> Notes { get; init; } = [];
    }

    /// <summary>What is null stays.</summary>
    public sealed record SetPolicy(VmId Vm, MemorySize? Min, MemorySize? Max, int? Shares) : IHostCommand
    {
        public RestartPolicy? Restart { get; init; }

        public VmPolicy Of(VmPolicy before) =>
            before with { Min = Min ?? before.Min, Max = Max ?? before.Max, Shares = Shares ?? before.Shares };
    }

    /// <summary>Null: DMM decides again.</summary>
    public sealed record ResizeVm(VmId Vm, MemorySize? Target) : IHostCommand;

    public sealed record StopVm(VmId Vm, StopOrder Order) : IHostCommand;

    /// <summary>A VM that was stopped, or waits for its return, is asked for now; one that is to stop goes on.</summary>
    /// <param name="Timeout">How long it may wait for its memory; null: as long as any new VM.</param>
    public sealed record StartVm(VmId Vm, TimeSpan? Timeout) : IHostCommand
    {
        /// <summary>Also one that was migrated away: whoever asks knows that it runs nowhere else.</summary>
        public bool Force { get; init; }
    }

    public sealed record ForgetVm(VmId Vm) : IHostCommand;

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

    public sealed record Refused(RefusalKind Kind, string Why);

    /// <summary>
    /// What would become of a VM that was asked for now. Answered by <see cref="DryRunResult"/> or <see cref="Refused"/>; nothing is
    /// written.
    /// </summary>
    public sealed record DryRunVm(VmSpec Spec, MemorySize Overhead, MemorySize ImageNeeds, TimeSpan? Timeout) : IHostCommand;

    /// <param name="Boot">What it would boot with, where it would start at once.</param>
    /// <param name="Plan">Who would give for it.</param>
    public sealed record DryRunResult(VmId Vm, Prospect Prospect, string Text, MemorySize? Boot, RoomPlan? Plan);

    /// <summary>Answered by <see cref="Status"/>.</summary>
    public sealed record GetStatus : IHostCommand;

    /// <summary>A picture of the host as its actor knows it at this moment.</summary>
    public sealed record Status(
        HostState State,
        ImmutableDictionary<VmId, VmProtocol.Report> Reports,
        ImmutableDictionary<VmId, Forecast> Forecasts,
        MemorySize Cushion)
    {
        /// <summary>dmm.host.memory; the ledger's may be less.</summary>
        public MemorySize ConfiguredMemory { get; init; }

        /// <summary>What was seen of the host itself; null where nobody looks.</summary>
        public HostOutlook? Outlook { get; init; }

        /// <summary>What is wrong with the host, a line each.</summary>
        public ImmutableArray<string> Problems { get; init; } = [];

        /// <summary>Who waits for whose memory, in the order in which it is promised.</summary>
        public ImmutableArray<Wait> Waits { get; init; } = [];

        /// <summary>Who moves.</summary>
        public ImmutableArray<Operation> InFlight { get; init; } = [];

        /// <summary>Who has a new target and waits for its turn, and since when.</summary>
        public ImmutableSortedDictionary<VmId, Moment> Held { get; init; } = ImmutableSortedDictionary<VmId, Moment>.Empty;

        /// <summary>How the journal is; the rest is what was known last while it is not writable.</summary>
        public JournalHealth? Journal { get; init; }

        /// <summary>From the start of the process to the first plan; null before it.</summary>
        public TimeSpan? InControl { get; init; }

        /// <summary>From the start of the process until every VM had reported; null before that.</summary>
        public TimeSpan? AllActors { get; init; }
    }

    // From the line of VMs to come.

    /// <summary>
    /// Write down that this VM is wanted. Answered by <see cref="AdmissionProtocol.Recorded"/> or
    /// <see cref="AdmissionProtocol.RecordRefused"/>.
    /// </summary>
    public sealed record RecordRequest(VmSpec Spec, MemorySize Overhead, MemorySize ImageNeeds, Moment Deadline) : IHostCommand;

    /// <summary>The line of VMs to come begins, or begins anew, and knows nothing.</summary>
    public sealed record LineStarted : IHostCommand;

    /// <summary>
    /// The answer to a picture (<see cref="AdmissionProtocol.HostIs"/>), also where nothing is to be done. Write these steps down and act
    /// on them, if the host is still as it was when they were decided.
    /// </summary>
    /// <param name="Version">
    /// The <see cref="Host.Version"/> that they were decided on. Where the host has changed since, it tells of itself anew instead.
    /// </param>
    public sealed record TakeSteps(ImmutableArray<QueueMove> Steps, long Version) : IHostCommand;

    /// <summary>
    /// It is not wanted any more, or its time is up. Answered by <see cref="AdmissionProtocol.NotGivenUp"/> where it is too late for that.
    /// </summary>
    public sealed record GiveUp(VmId Vm, AdmissionEnd End, string Why) : IHostCommand;
}
