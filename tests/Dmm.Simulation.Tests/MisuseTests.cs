namespace Dmm.Simulation.Tests;

/// <summary>A wrong argument is one line on standard error that says what would be right, and exit code 2.</summary>
public sealed class MisuseTests
{
    [Theory]
    [InlineData("simulate --seed -1", "dmm: --seed is '-1'; it must be a whole number from 0 to 18446744073709551615")]
    [InlineData("simulate --steps many", "dmm: --steps is 'many'; it must be a whole number up to 9223372036854775807")]
    [InlineData("simulate --steps 0", "dmm: --steps is 0; it must be at least 1")]
    [InlineData("simulate --vms 100000000", "dmm: --vms is 100000000; it must be from 1 to 1000")]
    [InlineData("simulate --vms 0", "dmm: --vms is 0; it must be from 1 to 1000")]
    [InlineData("simulate --depth deep", "dmm: --depth is 'deep'; it must be core or actors")]
    [InlineData("simulate --without bogus", "dmm: --without is 'bogus'; at depth core there are ")]
    [InlineData("campaign --core-steps -5", "dmm: --core-steps is -5; it must not be negative")]
    public async Task It_is_one_line_and_exit_code_2(string arguments, string line)
    {
        var (code, output, error) = await SimulateProgram.RunAsync(arguments);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith(line, error, StringComparison.Ordinal);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
    }
}
