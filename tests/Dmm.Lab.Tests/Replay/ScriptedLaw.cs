using Dmm.Core.Laws;

namespace Dmm.Lab.Tests.Replay;

/// <summary>A law that sets scripted targets at its periods.</summary>
internal sealed class ScriptedLaw(double period, Func<TimeSpan, int, LawGuest, long?> target, LawEvents hears = LawEvents.None) : ILaw,
    ITellsUrgency
{
    public List<(double At, LawEvents Why)> Calls { get; } = [];

    public int Urgent { get; init; } = -1;

    public bool BalloonOnly { get; init; }

    /// <summary>Looks at each of its periods, even if nothing has changed.</summary>
    public bool Restless { get; init; }

    public string Name => "scripted";

    public TimeSpan Period => TimeSpan.FromSeconds(period);

    public LawEvents Hears => hears;

    public void Forget(int slot)
    {
        // This law learns nothing.
    }

    public bool IsUrgent(int slot) => slot == Urgent;

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        Calls.Add((now.TotalSeconds, why));
        for (var i = 0; i < guests.Length; i++)
            targets[i] = target(now, i, guests[i]) * Shared.Mib ?? targets[i];
        return Restless ? now : null;
    }
}
