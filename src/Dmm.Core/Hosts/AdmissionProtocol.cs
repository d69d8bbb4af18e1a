using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>What can be said to the machine of the line of VMs to come.</summary>
public interface IAdmissionCommand;

/// <summary>What operators and the host tell the line of VMs to come.</summary>
public static class AdmissionProtocol
{
    /// <summary>A new VM is wanted. Answered by <c>HostProtocol.Done</c> when it is in the queue, or <c>HostProtocol.Refused</c>.</summary>
    public sealed record CreateVm(VmSpec Spec, MemorySize Overhead, TimeSpan? Timeout, ImmutableArray<string> Notes) : IAdmissionCommand
    {
        /// <summary>The least that its image can be booted with; zero where that is not known.</summary>
        public MemorySize ImageNeeds { get; init; }
    }

    /// <summary>An operator wants it no more. Answered by <c>HostProtocol.Done</c> or <c>HostProtocol.Refused</c>.</summary>
    public sealed record Cancel(VmId Vm) : IAdmissionCommand;

    /// <summary>
    /// What would become of a VM that was asked for now. Answered by <c>HostProtocol.DryRunResult</c> or <c>HostProtocol.Refused</c>.
    /// </summary>
    public sealed record DryRun(HostProtocol.DryRunVm Asked, Host Host) : IAdmissionCommand;

    /// <summary>From the host, as long as VMs are to come, after each plan and each step: so it is now.</summary>
    public sealed record HostIs(Host Host) : IAdmissionCommand;

    /// <summary>From the host: it is written down that this VM is wanted.</summary>
    public sealed record Recorded(VmId Vm) : IAdmissionCommand;

    /// <summary>The host's refusal of <see cref="HostProtocol.RecordRequest"/>, with the name that it is about.</summary>
    public sealed record RecordRefused(VmId Vm, HostProtocol.Refused Refusal) : IAdmissionCommand;

    /// <summary>From the host: it is too late for <see cref="HostProtocol.GiveUp"/>.</summary>
    public sealed record NotGivenUp(VmId Vm, string Why) : IAdmissionCommand;

    /// <summary>From the host: the VM runs, or will not.</summary>
    /// <param name="End">Null: it runs.</param>
    public sealed record Finished(VmId Vm, AdmissionEnd? End) : IAdmissionCommand;

    /// <summary>The time that <see cref="AdmissionEffect.WakeAt"/> asked for has come.</summary>
    public sealed record DeadlineCame : IAdmissionCommand;
}

/// <summary>All that the line of VMs to come can do. It takes no memory: it asks the host, which alone grants.</summary>
public abstract record AdmissionEffect
{
    private AdmissionEffect()
    {
    }

    /// <summary>Answers somebody who asked.</summary>
    public sealed record Reply(object Asker, object Answer) : AdmissionEffect;

    /// <summary>
    /// Asks the host: <see cref="HostProtocol.RecordRequest"/>, <see cref="HostProtocol.GiveUp"/> or <see cref="HostProtocol.TakeSteps"/>.
    /// </summary>
    public sealed record AskHost(IHostCommand Command) : AdmissionEffect;

    /// <summary>
    /// Says <see cref="AdmissionProtocol.DeadlineCame"/> to the machine then, in the place of what was asked for before; null: not at all.
    /// </summary>
    public sealed record WakeAt(Moment? At) : AdmissionEffect;
}
