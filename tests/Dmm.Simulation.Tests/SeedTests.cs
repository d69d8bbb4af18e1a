namespace Dmm.Simulation.Tests;

/// <summary>A seed is one history, to the letter: a fault that was found once is found again.</summary>
[Trait(Category.Name, Category.Long)]
public sealed class SeedTests
{
    /// <summary>
    /// Each process has hashes of its own for texts, so what walks over a set of names meets them in another order: two runs in one process
    /// would not show it. Besides, real time passes and threads run otherwise: any use of a real clock or another thread shows, too.
    /// </summary>
    [Theory]
    [InlineData("core", 120_000)]
    [InlineData("actors", 8_000)]
    public async Task A_seed_is_one_history_in_every_process(string depth, int steps)
    {
        // With many VMs the order of a set of their names hardly ever comes out the same twice.
        var both = await Task.WhenAll(HistoryAsync(depth, steps, 2026), HistoryAsync(depth, steps, 2026));
        Assert.True(
            both[0].Length > steps * 3, $"the history has {both[0].Length} characters: it says too little for this test to mean anything");
        Assert.Equal(both[0], both[1]);
    }

    [Theory]
    [InlineData("core", 2_000)]
    [InlineData("actors", 300)]
    public async Task Another_seed_is_another_history(string depth, int steps)
    {
        var both = await Task.WhenAll(HistoryAsync(depth, steps, 2026), HistoryAsync(depth, steps, 2027));
        Assert.NotEqual(both[0], both[1]);
    }

    /// <returns>The history without the last line, which names the seed.</returns>
    private static async Task<string> HistoryAsync(string depth, int steps, int seed)
    {
        var (code, output, error) = await SimulateProgram.RunAsync(
            $"simulate --print --depth {depth} --steps {steps} --seed {seed} --vms 20");
        Assert.True(code == 0, error);
        return output[..(output.TrimEnd().LastIndexOf('\n') + 1)];
    }
}
