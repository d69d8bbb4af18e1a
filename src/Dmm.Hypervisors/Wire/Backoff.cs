namespace Dmm.Hypervisors.Wire;

/// <summary>Waiting times between attempts: each twice the one before, up to a bound. Not for use by several threads at once.</summary>
public sealed class Backoff
{
    private readonly TimeSpan _first;
    private readonly TimeSpan _longest;
    private TimeSpan _next;

    public Backoff(TimeSpan first, TimeSpan longest)
    {
        _first = first;
        _longest = longest;
        _next = first;
    }

    public TimeSpan Next()
    {
        var now = _next;
        _next = now * 2 < _longest ? now * 2 : _longest;
        return now;
    }

    /// <summary>After a success the next failure waits the shortest time again.</summary>
    public void Reset() => _next = _first;
}
