namespace Dmm.Simulation.Tests;

/// <summary>The output of the simulation's program can be full, or go away: the program reports it, or ends in good order.</summary>
public sealed class OutputTests
{
    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("simulate --steps 10", ">/dev/full", 1, "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("simulate --steps 10000 --print", ">/dev/full", 1, "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("simulate --steps 20000 --print", "| head -n 1 >/dev/null", 0, "")]
    [InlineData("campaign --core-steps 10 --actor-steps 0 --report /dev/full", "", 1,
        "dmm: /dev/full can't be written: No space left on device[^\n]*\n")]
    [InlineData("campaign --core-steps 10 --actor-steps 0 --report /proc/nowhere/sum.json", "", 1,
        "dmm: /proc/nowhere/sum.json can't be written: Could not find [^\n]*\n")]
    public async Task What_can_not_be_written_has_failed_and_a_reader_that_has_had_enough_is_no_fault(
        string arguments, string behind, int code, string error)
    {
        var (ended, _, said) = await SimulateProgram.RunAsync(arguments, behind);
        Assert.Equal(code, ended);
        Assert.Matches($"^{error}$", said);
    }
}
