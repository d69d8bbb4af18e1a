namespace Dmm.Simulation.Tests;

/// <summary>Tests of the parts around the simulations: shrinking, the log, the campaign, the command.</summary>
public sealed class BenchTests
{
    [Fact]
    public void A_history_is_shrunk_to_the_faults_and_the_VMs_that_it_needs()
    {
        var plan = new SimulationPlan { Seed = 1, Steps = 1_000 };
        var found = new Contrived().Run(plan, HistoryLog.Nothing, CancellationToken.None);
        var (smallest, result) = Shrinking.Shrink(() => new Contrived(), plan, found, CancellationToken.None);
        Assert.Equal(["noise", "rain"], smallest.Without.Order());
        Assert.Equal(2, smallest.Vms);
        Assert.Equal(result.Violation!.Step, smallest.Steps);
        Assert.Equal(
            "dmm lab simulate --depth core --seed 1 --steps 100 --vms 2 --without noise --without rain",
            Report.Replay(SimulationDepth.Core, smallest));
    }

    [Fact]
    public void The_log_keeps_the_last_lines_and_prints_no_more_than_its_bound()
    {
        using var reader = new StringWriter();
        var log = new HistoryLog(2, reader, readerLines: 3);
        for (log.Step = 1; log.Step <= 5; log.Step++)
            log.Note($"line {log.Step}");
        Assert.Equal(["4  line 4", "5  line 5"], log.Last.Select(line => line.Trim()));
        Assert.Equal(4, reader.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.DoesNotContain("line 4", reader.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_nobody_wants_is_not_put_together()
    {
        var asked = 0;
        HistoryLog.Nothing.Note($"{++asked}");
        Assert.Equal(0, asked);
    }

    [Fact]
    public void A_campaign_sums_up_its_histories()
    {
        var said = new List<string>();
        var result = Campaign.Run(
            new() { FirstSeed = 1, CoreSteps = 12_500, ActorSteps = 1_000, CoreStepsPerSeed = 5_000 }, said.Add, CancellationToken.None);
        Assert.True(result.Violations == 0, string.Join('\n', said));
        Assert.Equal((12_500, 1_000, 4), (result.Steps, result.ActorSteps, result.Seeds));
        Assert.True(result.Crashes > 0);
    }

    [Theory]
    [InlineData(0, "no violation", "simulate", "--seed", "3", "--steps", "2000")]
    [InlineData(0, "1000 steps of the core, 0 of the actors", "campaign", "--core-steps", "1000", "--actor-steps", "0")]
    public void The_command_says_what_became_of_it(int exitCode, string says, params string[] args)
    {
        using var output = new StringWriter();
        Assert.Equal(exitCode, SimulationCommand.Tree(null!).Parse(["lab", .. args]).Invoke(new() { Output = output }));
        Assert.Contains(says, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_depth_that_there_is_not_is_refused() =>
        Assert.Contains("it must be core or actors", SimulationCommand.Tree(null!).Parse(["lab", "simulate", "--depth", "sea"])
            .Errors[0].Message, StringComparison.Ordinal);

    /// <summary>A simulation that fails at step 100 if thunder strikes and there are at least two VMs.</summary>
    private sealed class Contrived : ISimulation
    {
        private static readonly string[] All = ["noise", "rain", "thunder"];

        public SimulationDepth Depth => SimulationDepth.Core;

        public SimulationResult Run(SimulationPlan plan, HistoryLog log, CancellationToken cancellation)
        {
            var faults = All.Except(plan.Without).ToHashSet();
            var wrong = faults.Contains("thunder") && (plan.Vms ?? 8) >= 2 && plan.Steps >= 100;
            return new(plan.Seed, wrong ? 100 : plan.Steps, 0, wrong ? new(100, "struck", "by lightning") : null) { Faults = faults };
        }
    }
}
