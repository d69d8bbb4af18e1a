namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>A signal that is waited for with a time limit; several before a wait count as one.</summary>
internal sealed class Nudge(TimeProvider time)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _set = New();

    public void Set()
    {
        lock (_gate)
            _set.TrySetResult();
    }

    /// <summary>Returns when nudged or when the time is up.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellation)
    {
        Task nudged;
        lock (_gate)
            nudged = _set.Task;
        await nudged.WaitAsync(atMost, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (_set.Task.IsCompleted)
                _set = New();
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
