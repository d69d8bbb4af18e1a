using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>Times that a VM's machine asks to be woken at, each for one reason.</summary>
public enum VmTimer
{
    Look,
    Report,
    Measure,

    /// <summary>A VM that could not be reached, or looked for, is tried again.</summary>
    TryAgain,

    /// <summary>A stop's grace is over.</summary>
    Grace,

    /// <summary>A guest is asked once more to power down.</summary>
    AskAgain,
    EndAgain,
}

/// <summary>
/// What whoever holds a VM tells its machine: answers to what <see cref="VmEffect"/> asked for, what the driver saw, and the time. Facts of
/// a connection that was let go of are not told.
/// </summary>
public static class VmFact
{
    public sealed record Launched(VmHandle Handle) : IVmMessage;

    /// <summary>It was looked for, and does not run.</summary>
    public sealed record NotRunning : IVmMessage;

    /// <summary>It does not run, and nothing of it is left.</summary>
    public sealed record LaunchFailed(string Why) : IVmMessage;

    /// <summary>It can't be told whether it runs.</summary>
    public sealed record LaunchUnknown(string Why) : IVmMessage;

    /// <param name="Identity">The handle with the process that was found to run it, where something new was learned.</param>
    public sealed record Connected(VmCapabilities Capabilities, VmHandle? Identity) : IVmMessage;

    /// <param name="Gone">It no longer runs, and how it ended; null where it can't be reached.</param>
    public sealed record NotConnected(string Why, EndCause? Gone) : IVmMessage;

    public sealed record Observed(VmObservation What) : IVmMessage;

    /// <summary>The call is through, and the sizes read after it have been told.</summary>
    public sealed record CallDone : IVmMessage;

    /// <summary>The hypervisor would not, and answers: the sizes read after it have been told.</summary>
    public sealed record CallRefused(string Why) : IVmMessage;

    /// <summary>Nobody knows what came of the call: the connection is of no use any more.</summary>
    public sealed record CallLost(string Why) : IVmMessage;

    public sealed record NotAskedToPowerDown(string Why) : IVmMessage;

    public sealed record ProcessEnded : IVmMessage;

    public sealed record NotEnded(string Why) : IVmMessage;

    /// <param name="Cost">Null where it could not be told.</param>
    public sealed record Measured(HostCost? Cost) : IVmMessage;

    public sealed record Rang(VmTimer Timer) : IVmMessage;
}
