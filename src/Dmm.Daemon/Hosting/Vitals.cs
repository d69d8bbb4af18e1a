namespace Dmm.Daemon.Hosting;

/// <summary>
/// Whether all parts are there without which the daemon can answer nobody. Nothing starts them anew in this process: it ends, and its
/// starter starts it again.
/// </summary>
public sealed class Vitals : IDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private volatile string? _why;

    /// <summary>What has ended, for people; null while all are there.</summary>
    public string? Why => _why;

    /// <summary>Who waits for an answer need not wait any more.</summary>
    public CancellationToken Gone => _gone.Token;

    /// <returns>False where that was known.</returns>
    public bool End(string why)
    {
        if (Interlocked.CompareExchange(ref _why, why, null) is not null)
            return false;
        _gone.Cancel();
        return true;
    }

    public void Dispose() => _gone.Dispose();
}
