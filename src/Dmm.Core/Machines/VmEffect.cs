using System.Collections.Immutable;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>All that a VM's machine can do to the world. Whoever drives it carries the effects of a decision out in their order.</summary>
public abstract record VmEffect
{
    private VmEffect()
    {
    }

    public sealed record TellHost(IHostCommand Message) : VmEffect;

    public sealed record TellPredictor(PredictorProtocol.Sampled Sample) : VmEffect;

    /// <summary>
    /// Looks for a VM that a launch of this spec may have left running; answered by <see cref="VmFact.Launched"/>, NotRunning or
    /// LaunchUnknown.
    /// </summary>
    public sealed record Find(VmSpec Spec) : VmEffect;

    /// <summary>Answered by <see cref="VmFact.Launched"/>, LaunchFailed or LaunchUnknown.</summary>
    public sealed record Launch(VmSpec Spec) : VmEffect;

    /// <summary>
    /// Makes a connection in the place of the one that is or is being made; answered by <see cref="VmFact.Connected"/> or NotConnected.
    /// </summary>
    public sealed record Connect(VmHandle Handle) : VmEffect;

    /// <summary>Lets go of the connection that is or is being made: nothing that it says is told from now on.</summary>
    public sealed record LetGo : VmEffect;

    /// <summary>Carries out one call; answered by <see cref="VmFact.CallDone"/>, CallRefused or CallLost.</summary>
    public sealed record Carry(VmCall Call) : VmEffect;

    /// <summary>Answered by <see cref="VmFact.NotAskedToPowerDown"/> where that failed.</summary>
    public sealed record AskToPowerDown : VmEffect;

    /// <summary>
    /// Ends it, by its connection where there is one, otherwise by its process; answered by <see cref="VmFact.ProcessEnded"/> or NotEnded.
    /// </summary>
    public sealed record EndProcess(VmHandle Handle) : VmEffect;

    /// <summary>Answered by <see cref="VmFact.Measured"/>.</summary>
    public sealed record Measure : VmEffect;

    /// <summary>Tells <see cref="VmFact.Rang"/> then, in the place of what was asked for before.</summary>
    public sealed record WakeIn(VmTimer Timer, TimeSpan Wait) : VmEffect;

    /// <summary>Does not ring any more.</summary>
    public sealed record Silence(VmTimer Timer) : VmEffect;

    /// <summary>Tells operators.</summary>
    public sealed record Notify(Notice What) : VmEffect;

    /// <summary>A line in the daemon's log.</summary>
    public sealed record Warn(string Text) : VmEffect;
}

/// <summary>What comes of one message.</summary>
/// <param name="Vm">The VM as it is now.</param>
/// <param name="Effects">To be carried out, in their order.</param>
public sealed record VmDecision(Vm Vm, ImmutableArray<VmEffect> Effects);
