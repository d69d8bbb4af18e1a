using System.Collections.Immutable;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// The effects that a VM's machine can have on the world. The driver of the machine carries out the effects of a decision in their order.
/// </summary>
public abstract record VmEffect
{
    private VmEffect()
    {
    }

    public sealed record TellHost(IHostCommand Message) : VmEffect;

    public sealed record TellPredictor(PredictorProtocol.Sampled Sample) : VmEffect;

    /// <summary>Tells the predictor that the guest was reset: what it needs is unknown until it reports again.</summary>
    public sealed record TellPredictorOfReset : VmEffect;

    /// <summary>
    /// Looks for a VM that a launch of this spec may have left running; answered by <see cref="VmFact.Launched"/>, NotRunning or
    /// LaunchUnknown.
    /// </summary>
    public sealed record Find(VmSpec Spec) : VmEffect;

    /// <summary>Answered by <see cref="VmFact.Launched"/>, LaunchFailed or LaunchUnknown.</summary>
    public sealed record Launch(VmSpec Spec) : VmEffect;

    /// <summary>
    /// Makes a connection, which replaces the present one or the one that is being made; answered by <see cref="VmFact.Connected"/> or
    /// NotConnected.
    /// </summary>
    public sealed record Connect(VmHandle Handle) : VmEffect;

    /// <summary>Drops the connection that exists or is being made: from now on, nothing from it is passed on.</summary>
    public sealed record LetGo : VmEffect;

    /// <summary>Carries out one call; answered by <see cref="VmFact.CallDone"/>, CallRefused or CallLost.</summary>
    public sealed record Carry(VmCall Call) : VmEffect;

    /// <summary>Answered by <see cref="VmFact.NotAskedToPowerDown"/> where that failed.</summary>
    public sealed record AskToPowerDown : VmEffect;

    /// <summary>
    /// Ends the VM, through its connection where there is one, otherwise by killing its process; answered by
    /// <see cref="VmFact.ProcessEnded"/> or NotEnded.
    /// </summary>
    public sealed record EndProcess(VmHandle Handle) : VmEffect;

    /// <summary>
    /// Makes the host hold the VM to these bounds; answered by <see cref="VmFact.Held"/> or NotHeld. Calls that come later wait for it.
    /// </summary>
    public sealed record Hold(VmBounds Bounds) : VmEffect;

    /// <summary>Answered by <see cref="VmFact.Measured"/>.</summary>
    public sealed record Measure : VmEffect;

    /// <summary>Sends <see cref="VmFact.Rang"/> after that wait. Replaces the wait set before for this timer.</summary>
    public sealed record WakeIn(VmTimer Timer, TimeSpan Wait) : VmEffect;

    /// <summary>Stops a timer.</summary>
    public sealed record Silence(VmTimer Timer) : VmEffect;

    /// <summary>Sends a notice to operators.</summary>
    public sealed record Notify(Notice What) : VmEffect;

    /// <summary>A line in the daemon's log.</summary>
    public sealed record Warn(string Text) : VmEffect;
}

/// <summary>The result of one message.</summary>
/// <param name="Vm">The new state of the VM.</param>
/// <param name="Effects">The effects to carry out, in their order.</param>
public sealed record VmDecision(Vm Vm, ImmutableArray<VmEffect> Effects);
