using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>The timers of a VM's machine, each for one reason.</summary>
public enum VmTimer
{
    Look,
    Report,
    Measure,

    /// <summary>Tries again to connect to a VM, or to look for it.</summary>
    TryAgain,

    /// <summary>The grace of a stop is over.</summary>
    Grace,

    /// <summary>Asks a guest once more to power down.</summary>
    AskAgain,
    EndAgain,
}

/// <summary>
/// The messages that the driver of a VM's machine sends it: answers to a <see cref="VmEffect"/>, what the driver saw, and timers. Facts
/// from a dropped connection are not sent.
/// </summary>
public static class VmFact
{
    public sealed record Launched(VmHandle Handle) : IVmMessage;

    /// <summary>The VM was looked for and does not run.</summary>
    public sealed record NotRunning : IVmMessage;

    /// <summary>The VM does not run, and nothing of it is left.</summary>
    public sealed record LaunchFailed(string Why) : IVmMessage;

    /// <summary>Nobody can tell whether the VM runs.</summary>
    public sealed record LaunchUnknown(string Why) : IVmMessage;

    /// <param name="Identity">The handle with the process that was found to run the VM; null where nothing new was learned.</param>
    public sealed record Connected(VmCapabilities Capabilities, VmHandle? Identity) : IVmMessage;

    /// <param name="Gone">How the VM ended, where it no longer runs; null where it only can't be reached.</param>
    public sealed record NotConnected(string Why, EndCause? Gone) : IVmMessage;

    public sealed record Observed(VmObservation What) : IVmMessage;

    /// <summary>The call is done, and the sizes read after it have been sent.</summary>
    public sealed record CallDone : IVmMessage;

    /// <summary>The hypervisor refused the call, with an answer; the sizes read after it have been sent.</summary>
    public sealed record CallRefused(string Why) : IVmMessage;

    /// <summary>The result of the call is not known: the connection can no longer be used.</summary>
    public sealed record CallLost(string Why) : IVmMessage;

    public sealed record NotAskedToPowerDown(string Why) : IVmMessage;

    public sealed record ProcessEnded : IVmMessage;

    public sealed record NotEnded(string Why) : IVmMessage;

    /// <summary>The host holds the VM to the bounds that were asked for last.</summary>
    public sealed record Held : IVmMessage;

    public sealed record NotHeld(string Why) : IVmMessage;

    /// <param name="Cost">Null where it could not be measured.</param>
    public sealed record Measured(HostCost? Cost) : IVmMessage;

    public sealed record Rang(VmTimer Timer) : IVmMessage;
}
