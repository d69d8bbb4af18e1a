using System.Security.Cryptography;
using Dmm.Simulation.Actors;
using Xunit.Abstractions;

namespace Dmm.Simulation.Tests;

public sealed class ActorSimulationTests(ITestOutputHelper output)
{
    [Fact]
    public void A_seed_is_one_history_to_the_letter() => IsOneHistory(1_000);

    [Fact]
    public void A_history_goes_well() => Live(13, 2_000);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData(4UL)]
    [InlineData(7UL)]
    [InlineData(13UL)]
    [InlineData(15UL)]
    public void Histories_that_once_went_wrong_go_well(ulong seed) => Live(seed, 8_000);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData(1UL)]
    [InlineData(2UL)]
    [InlineData(3UL)]
    [InlineData(4UL)]
    public void Histories_in_which_operators_drain_the_host_go_well(ulong seed) => Live(seed, 8_000, drains: true);

    /// <summary>A fault that never occurred was never tested.</summary>
    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void Every_fault_befalls_histories_of_fixed_seeds()
    {
        var missing = new ActorSimulation().FaultNames.ToHashSet();
        for (ulong seed = 1; seed <= 16 && missing.Count > 0; seed++)
            missing.ExceptWith(Live(seed, 8_000).Faults);
        Assert.Empty(missing);
    }

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void A_history_that_nobody_has_seen_goes_well()
    {
        var seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
        output.WriteLine($"seed {seed}");
        Live(seed, 8_000);
    }

    /// <summary>
    /// The simulation finds a DMM that measures intervals by the host's time of day: everything stands still for as long as the clock was
    /// set back.
    /// </summary>
    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void A_daemon_that_goes_by_the_hosts_time_of_day_is_found_out()
    {
        SimulationResult Of(ulong seed, bool oneClock) =>
            new ActorSimulation()
            .Run(new() { Seed = seed, Steps = 80_000, OneClock = oneClock }, HistoryLog.Nothing, CancellationToken.None);
        var found = Enumerable.Range(9, 8).Select(seed => Of((ulong)seed, true)).FirstOrDefault(result => result.Violation is not null);
        Assert.NotNull(found);
        output.WriteLine($"seed {found.Seed}: {found.Violation}");
        Assert.Contains("clock-steps", found.Faults);
        Assert.Null(Of(found.Seed, false).Violation);
    }

    private static void IsOneHistory(long steps)
    {
        // Between the two runs real time passes, and the pool's threads are in other states: any use of a real clock or another thread
        // makes the histories differ.
        var first = History(2026, steps);
        var second = History(2026, steps);
        Assert.True(
            first.Length > steps * 6, $"the history has {first.Length} characters: it says too little for this test to mean anything");
        Assert.Equal(first, second);
        Assert.NotEqual(first, History(2027, steps));
    }

    private static SimulationResult Live(ulong seed, long steps, bool drains = false)
    {
        var (plan, log) = (new SimulationPlan { Seed = seed, Steps = steps, Drains = drains }, new HistoryLog(60));
        var result = new ActorSimulation().Run(plan, log, CancellationToken.None);
        Assert.True(result.Violation is null, result.Violation is null ? "" : Report.Of(SimulationDepth.Actors, plan, result, log.Last));
        Assert.Equal(plan.Steps, result.Steps);
        Assert.True(result.Crashes > 0, "no daemon died: nothing was tried");
        return result;
    }

    private static string History(ulong seed, long steps)
    {
        using var text = new StringWriter();
        new ActorSimulation().Run(new() { Seed = seed, Steps = steps }, new HistoryLog(0, text), CancellationToken.None);
        return text.ToString();
    }
}
