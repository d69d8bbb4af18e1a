namespace Dmm.Daemon.Hosting;

/// <summary>
/// Knows whether all actors run without which the daemon can answer nothing. Nothing starts them again in this process: the process
/// ends, and its supervisor (systemd) starts it again.
/// </summary>
public sealed class Vitals : IDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private volatile string? _why;

    /// <summary>Says for people what has ended; null while all run.</summary>
    public string? Why => _why;

    /// <summary>Cancelled when one has ended: waiting for an answer is useless then.</summary>
    public CancellationToken Gone => _gone.Token;

    /// <returns>False where an end was known already.</returns>
    public bool End(string why)
    {
        if (Interlocked.CompareExchange(ref _why, why, null) is not null)
            return false;
        _gone.Cancel();
        return true;
    }

    public void Dispose() => _gone.Dispose();
}
