using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>How a simulated guest misbehaves: each way is one that a real one was seen to.</summary>
public enum GuestTemper
{
    /// <summary>Does as it is told, at the given rates.</summary>
    Ideal,

    /// <summary>Never lets go of what it was plugged, nor of what it has.</summary>
    Stubborn,

    /// <summary>Shrinks half of the way and stops.</summary>
    StopsHalfway,

    /// <summary>Never takes what is plugged (its driver has given up).</summary>
    IgnoresPlug,
}

/// <summary>
/// A guest's memory in numbers: what it uses is set from outside, what it has follows from its devices at the given rates. It never gives
/// what it uses. Pure: time comes in as an argument.
/// </summary>
public sealed class SimulatedGuest(MemorySize @base, SimulationSettings settings)
{
    /// <summary>What a kernel keeps for itself in every guest.</summary>
    private static readonly MemorySize Kernel = MemorySize.FromMiB(40);

    public MemorySize Base { get; } = @base;

    public MemorySize Plugged { get; set; }

    public MemorySize Ballooned { get; set; }

    public MemorySize PluggedTarget { get; set; }

    public MemorySize BalloonedTarget { get; set; }

    /// <summary>What its programs hold.</summary>
    public MemorySize Used { get; set; }

    public GuestTemper Temper { get; set; }

    public VmSizes Sizes => new(Base, Plugged, Ballooned, PluggedTarget, BalloonedTarget);

    public MemorySize MemTotal => Sizes.Actual.MinusOrZero(MemorySize.FromMiB(16));

    public MemorySize Available => MemTotal.MinusOrZero(Used + Kernel);

    /// <summary>Lets <paramref name="elapsed"/> go by. Returns whether a size moved.</summary>
    public bool Advance(TimeSpan elapsed)
    {
        var before = Sizes;
        var seconds = elapsed.TotalSeconds;
        if (Temper != GuestTemper.IgnoresPlug || PluggedTarget < Plugged)
            Plugged = Move(Plugged, PluggedTarget, settings.PlugRate.Scale(seconds), Give(settings.UnplugRate.Scale(seconds), Plugged, PluggedTarget));
        Ballooned = Move(Ballooned, BalloonedTarget, Give(settings.BalloonRate.Scale(seconds), BalloonedTarget, Ballooned), settings.BalloonRate.Scale(seconds));
        return before != Sizes;
    }

    /// <summary>What it can give back in this step: never what it uses, and less where its temper says so.</summary>
    private MemorySize Give(MemorySize rate, MemorySize from, MemorySize to) => Temper switch
    {
        GuestTemper.Stubborn => MemorySize.Zero,
        GuestTemper.StopsHalfway when from.MinusOrZero(to) <= _halfway => MemorySize.Zero,
        _ => MemorySize.Min(rate, Available),
    };

    /// <summary>Set when a shrink is asked: what a guest that stops halfway will still owe then.</summary>
    private MemorySize _halfway;

    public void AskPlugged(MemorySize plugged)
    {
        _halfway = Plugged.MinusOrZero(plugged).Scale(0.5);
        PluggedTarget = plugged;
    }

    public void AskBallooned(MemorySize ballooned)
    {
        _halfway = ballooned.MinusOrZero(Ballooned).Scale(0.5);
        BalloonedTarget = ballooned;
    }

    private static MemorySize Move(MemorySize now, MemorySize target, MemorySize up, MemorySize down) =>
        target > now ? MemorySize.Min(target, now + up) : MemorySize.Max(target, now.MinusOrZero(down));
}
