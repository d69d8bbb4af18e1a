namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// One timer for all simulated VMs that are connected: each step lets all of them move. A timer for each of a thousand VMs would cost more
/// than the daemon itself. It runs only while some VM is connected.
/// </summary>
/// <param name="step">The time between two steps.</param>
internal sealed class SimulatedClock(TimeProvider time, TimeSpan step)
{
    private readonly Lock _lock = new();
    private readonly List<Action> _steps = [];
    private Action[]? _now;
    private ITimer? _timer;

    /// <summary>Calls <paramref name="move"/> at each step, in the order in which they were added, until it is removed.</summary>
    public void Add(Action move)
    {
        lock (_lock)
        {
            _steps.Add(move);
            _now = null;
            _timer ??= time.CreateTimer(_ => Step(), null, step, step);
        }
    }

    public void Remove(Action move)
    {
        lock (_lock)
        {
            _steps.Remove(move);
            _now = null;
            if (_steps.Count > 0)
                return;
            _timer?.Dispose();
            _timer = null;
        }
    }

    private void Step()
    {
        Action[] now;
        lock (_lock)
            now = _now ??= [.. _steps];
        foreach (var move in now)
            move();
    }
}
