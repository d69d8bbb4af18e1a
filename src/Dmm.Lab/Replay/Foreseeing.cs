using Dmm.Core.Laws;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>
/// A law that sees the next seconds as if they were the present: each guest seems to use now the most that it will need within
/// <paramref name="ahead"/>. It shows which part of a law's distance from perfect foresight comes from its forecast.
/// </summary>
internal sealed class Foreseeing(ILaw law, IReadOnlyList<NeedCurve> curves, TimeSpan ahead) : ILaw, ITellsUrgency
{
    private readonly int[] _point = new int[curves.Count];
    private readonly LawGuest[] _guests = new LawGuest[curves.Count];

    public string Name => law.Name;

    public TimeSpan Period => law.Period;

    public LawEvents Hears => law.Hears;

    public bool BalloonOnly => law.BalloonOnly;

    public void Forget(int slot) => law.Forget(slot);

    public bool IsUrgent(int slot) => law is ITellsUrgency tells && tells.IsUrgent(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        var until = (now + ahead).Ticks / TimeSpan.TicksPerMicrosecond;
        var change = long.MaxValue;
        for (var i = 0; i < guests.Length; i++)
        {
            var used = Math.Max(guests[i].Used, Most(i, now.Ticks / TimeSpan.TicksPerMicrosecond, until, ref change));
            var idle = Math.Max(0, guests[i].Actual - used);
            var cache = Math.Min(guests[i].Cache, idle);
            _guests[i] = guests[i] with { Used = used, Cache = cache, Free = idle - cache, Swapped = Math.Max(0, used - guests[i].Actual) };
        }

        var next = law.Decide(now, why, host, _guests, targets);
        if (change == long.MaxValue)
            return next;
        var again = TimeSpan.FromMicroseconds(change) - ahead;
        return next is { } own && own < again ? own : again;
    }

    /// <summary>
    /// Returns the largest need between <paramref name="now"/> and <paramref name="until"/>. Lowers <paramref name="change"/> to the
    /// time of the first change after that, if it is earlier.
    /// </summary>
    private long Most(int i, long now, long until, ref long change)
    {
        var (at, need) = (curves[i].At, curves[i].Need);
        while (_point[i] + 1 < at.Length && at[_point[i] + 1] <= now)
            _point[i]++;
        var most = 0L;
        var k = _point[i];
        for (; k < at.Length && at[k] <= until; k++)
            most = Math.Max(most, need[k]);
        if (k < at.Length)
            change = Math.Min(change, at[k]);
        return most;
    }
}
