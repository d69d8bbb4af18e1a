using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>A command to the machine of the line of VMs to come.</summary>
public interface IAdmissionCommand;

/// <summary>Messages from operators and the host to the line of VMs to come.</summary>
public static class AdmissionProtocol
{
    /// <summary>
    /// Asks for a new VM. Answered by <c>HostProtocol.Done</c> when it is in the queue, or by <c>HostProtocol.Refused</c>.
    /// </summary>
    public sealed record CreateVm(VmSpec Spec, MemorySize Overhead, TimeSpan? Timeout, ImmutableArray<string> Notes) : IAdmissionCommand
    {
        /// <summary>The least memory that its image can boot with; zero where that is not known.</summary>
        public MemorySize ImageNeeds { get; init; }
    }

    /// <summary>Cancels a request for an operator. Answered by <c>HostProtocol.Done</c> or <c>HostProtocol.Refused</c>.</summary>
    public sealed record Cancel(VmId Vm) : IAdmissionCommand;

    /// <summary>
    /// Asks what would happen to a VM that was requested now. Answered by <c>HostProtocol.DryRunResult</c> or <c>HostProtocol.Refused</c>.
    /// </summary>
    public sealed record DryRun(HostProtocol.DryRunVm Asked, Host Host) : IAdmissionCommand;

    /// <summary>From the host, while there are VMs to come, after each plan and each step: its present state.</summary>
    public sealed record HostIs(Host Host) : IAdmissionCommand;

    /// <summary>From the host: the request for this VM is in the journal.</summary>
    public sealed record Recorded(VmId Vm) : IAdmissionCommand;

    /// <summary>The host's refusal of <see cref="HostProtocol.RecordRequest"/>, with the name of the VM.</summary>
    public sealed record RecordRefused(VmId Vm, HostProtocol.Refused Refusal) : IAdmissionCommand;

    /// <summary>From the host: it is too late for <see cref="HostProtocol.GiveUp"/>.</summary>
    public sealed record NotGivenUp(VmId Vm, string Why) : IAdmissionCommand;

    /// <summary>From the host: the VM runs, or its request has ended without it.</summary>
    /// <param name="End">Null: it runs.</param>
    public sealed record Finished(VmId Vm, AdmissionEnd? End) : IAdmissionCommand;

    /// <summary>The time set by <see cref="AdmissionEffect.WakeAt"/> has come.</summary>
    public sealed record DeadlineCame : IAdmissionCommand;
}

/// <summary>
/// The effects that the line of VMs to come can have. It takes no memory itself: it asks the host, and only the host grants.
/// </summary>
public abstract record AdmissionEffect
{
    private AdmissionEffect()
    {
    }

    /// <summary>Answers a caller.</summary>
    public sealed record Reply(object Asker, object Answer) : AdmissionEffect;

    /// <summary>
    /// Asks the host: <see cref="HostProtocol.RecordRequest"/>, <see cref="HostProtocol.GiveUp"/> or <see cref="HostProtocol.TakeSteps"/>.
    /// </summary>
    public sealed record AskHost(IHostCommand Command) : AdmissionEffect;

    /// <summary>
    /// Sends <see cref="AdmissionProtocol.DeadlineCame"/> to the machine at that time. Replaces the time set before; null: never.
    /// </summary>
    public sealed record WakeAt(Moment? At) : AdmissionEffect;
}
