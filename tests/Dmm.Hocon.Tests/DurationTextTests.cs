namespace Dmm.Hocon.Tests;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("1.5s", 1_500)]
    [InlineData("2m", 120_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("0s", 0)]
    [InlineData(" 10 s ", 10_000)]
    public void A_number_and_a_unit_is_a_duration(string text, double milliseconds)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("60")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1 fortnight")]
    [InlineData("1S")]
    [InlineData("1,5s")]
    [InlineData("1e3s")]
    [InlineData("infinite")]
    [InlineData("99999999999999999999d")]
    [InlineData("40000d")]
    public void Anything_else_is_none(string? text) => Assert.False(DurationText.TryParse(text, out _));

    [Theory]
    [InlineData("90s")]
    [InlineData("2m")]
    [InlineData("1500ms")]
    [InlineData("0ms")]
    [InlineData("7d")]
    public void What_is_written_reads_as_the_same(string text)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(text, DurationText.Write(duration));
    }
}
