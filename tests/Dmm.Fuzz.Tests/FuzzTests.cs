using Dmm.Fuzz.Targets;

namespace Dmm.Fuzz.Tests;

/// <summary>A small part of <c>make fuzz</c>, with inputs that are the same each time.</summary>
public sealed class FuzzTests
{
    /// <summary>Whoever waits for a busy machine waits longer than one input needs.</summary>
    private static readonly FuzzPlan Plan = new() { Seed = 20_260_101, Workers = 2 };

    [Theory]
    [InlineData("agent", 6_000)]
    [InlineData("qmp", 3_000)]
    [InlineData("hocon", 3_000)]
    [InlineData("spec", 5_000)]
    [InlineData("http", 2_000)]
    public async Task Inputs_that_nobody_would_write_break_no_rule(string target, long inputs)
    {
        var (plan, make) = (Plan with { Inputs = inputs }, Fuzzing.Maker(target));
        var (result, fault) = await new FuzzRun(target, make, plan).RunAsync(CancellationToken.None);
        Assert.True(fault is null, fault is null ? "" : await Fuzzing.ExplainAsync(target, make, plan, fault, CancellationToken.None));
        Assert.Equal((inputs, 0), (result.Inputs, result.Faults));
        Assert.True(result.InputBytes > inputs * 20, $"the inputs have {result.InputBytes} bytes in all");
    }

    [Fact]
    public async Task A_number_makes_the_same_input_each_time_and_each_another()
    {
        foreach (var name in Fuzzing.Names.Where(name => name != "http"))
        {
            await using var target = await Fuzzing.Maker(name)();
            var first = Enumerable.Range(0, 200).Select(i => Convert.ToBase64String(target.Make(Plan.RandomOf(i)))).ToArray();
            var again = Enumerable.Range(0, 200).Select(i => Convert.ToBase64String(target.Make(Plan.RandomOf(i)))).ToArray();
            Assert.Equal(first, again);
            Assert.True(first.Distinct().Count() > 150, $"{name} makes {first.Distinct().Count()} inputs of 200");
            Assert.NotEqual(first[0], Convert.ToBase64String(target.Make((Plan with { Seed = 1 }).RandomOf(0))));
        }
    }

    /// <summary>Each target's generator must come to valid inputs and to broken ones, or half of the reader is never tried.</summary>
    [Theory]
    [InlineData("hocon")]
    [InlineData("spec")]
    public async Task Some_inputs_are_read_and_some_are_refused(string name)
    {
        await using var target = (Targets.FileTarget)await Fuzzing.Maker(name)();
        var read = 0;
        for (var i = 0; i < 400; i++)
            read += target.IsRead(target.Make(Plan.RandomOf(i))) ? 1 : 0;
        Assert.InRange(read, 20, 380);
    }

    [Theory]
    [InlineData("HEAD /api/v1/host HTTP/1.1", true)]
    [InlineData("GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1", true)]
    [InlineData("POHEAD /api/v1/host HTTP/1.1", false)]
    public void Only_the_whole_name_of_a_method_is_that_method(string request, bool head) =>
        Assert.Equal(head, HttpWire.IsHead(System.Text.Encoding.ASCII.GetBytes(request)));
}
