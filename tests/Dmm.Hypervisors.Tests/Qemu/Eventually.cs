namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>Waits for tests: always with a deadline, which is far longer than a slow machine needs.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Deadline);

    public static Task InTime(this Task task) => task.WaitAsync(Deadline);

    /// <summary>Polls until the condition holds.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var end = DateTime.UtcNow + Deadline;
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"did not happen within {Deadline.TotalSeconds} s: {what}");
            await tick.WaitForNextTickAsync();
        }
    }
}
