using System.Diagnostics;

namespace Dmm.Testbed;

/// <summary>Waits for the outside world: looks repeatedly until a condition holds, but never longer than a deadline.</summary>
public static class Wait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <param name="what">The condition in words, which begins the message "…: not within 5 s".</param>
    /// <param name="look">Returns the value that is waited for, or null as long as it is not there.</param>
    /// <param name="state">Describes the actual state for the message; called only when the deadline has passed.</param>
    /// <exception cref="TestbedException">The deadline has passed.</exception>
    public static async Task<T> ForAsync<T>(
        string what, Func<Task<T?>> look, TimeSpan deadline, CancellationToken cancellation, Func<string>? state = null,
        TimeSpan? pause = null)
        where T : class
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            if (await look() is { } found)
                return found;
            if (clock.Elapsed >= deadline)
                throw new TestbedException($"{what}: not within {deadline.TotalSeconds:0.#} s{(state is null ? "" : "; " + state())}");
            await Task.Delay(pause ?? Pause, cancellation);
        }
    }

    /// <returns>The time that it took.</returns>
    /// <exception cref="TestbedException">The deadline has passed.</exception>
    public static async Task<TimeSpan> UntilAsync(
        string what, Func<Task<bool>> look, TimeSpan deadline, CancellationToken cancellation, Func<string>? state = null,
        TimeSpan? pause = null)
    {
        var clock = Stopwatch.StartNew();
        await ForAsync(what, async () => await look() ? what : null, deadline, cancellation, state, pause);
        return clock.Elapsed;
    }
}
