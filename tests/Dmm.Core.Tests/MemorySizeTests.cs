namespace Dmm.Core.Tests;

public sealed class MemorySizeTests
{
    [Theory]
    [InlineData("256M", 268435456)]
    [InlineData("1.5GiB", 1610612736)]
    [InlineData("1.5 gib", 1610612736)]
    [InlineData("1G", 1073741824)]
    [InlineData("64k", 65536)]
    [InlineData("10MB", 10000000)]
    [InlineData("12345B", 12345)]
    [InlineData("7b", 7)]
    [InlineData("0", 0)]
    [InlineData("0.0", 0)]
    [InlineData(" 2T ", 2199023255552)]
    public void Sizes_are_read_as_people_write_them(string text, long bytes) => Assert.Equal(bytes, MemorySize.Parse(text).Bytes);

    [Theory]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1M")]
    [InlineData("1,5G")]
    [InlineData("1e3")]
    [InlineData("0x10")]
    [InlineData("256 Q")]
    [InlineData("99999999999T")]
    [InlineData("٣M")]
    public void What_is_no_size_is_refused_with_what_would_be_right(string text)
    {
        var fault = Assert.Throws<FormatException>(() => MemorySize.Parse(text));
        Assert.Equal($"'{text}' is not a memory size; write a number and a unit, such as 256M or 1.5GiB", fault.Message);
        Assert.Null(MemorySize.UnitFault(text));
    }

    [Theory]
    [InlineData("512", "512M")]
    [InlineData("4", "4M")]
    [InlineData(" 24 ", "24M")]
    [InlineData("1.5", "1.5G")]
    [InlineData("0.5", "0.5G")]
    [InlineData("1048575", "1048575M")]
    [InlineData("1048576", "1M")]
    [InlineData("134217728", "128M")]
    [InlineData("1610612736", "1536M")]
    [InlineData("1073741824", "1G")]
    [InlineData("134217729", "134217729B")]
    public void A_size_without_a_unit_is_refused_with_what_was_most_likely_meant(string text, string meant)
    {
        Assert.False(MemorySize.TryParse(text, out _));
        Assert.Equal($": {text.Trim()} has no unit; did you mean {meant}?", MemorySize.UnitFault(text));
        Assert.True(MemorySize.TryParse(meant, out _));
        Assert.EndsWith(MemorySize.UnitFault(text)!, Assert.Throws<FormatException>(() => MemorySize.Parse(text)).Message);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("0")]
    [InlineData("512M")]
    [InlineData("99999999999999999999")]
    [InlineData("auto")]
    public void Where_no_unit_is_missing_none_is_suggested(string? text) => Assert.Null(MemorySize.UnitFault(text));

    [Fact]
    public void The_exact_text_of_a_size_reads_as_the_same_size()
    {
        var random = new Random(36);
        for (var i = 0; i < 1_000; i++)
        {
            var size = new MemorySize(random.NextInt64(0, 1L << random.Next(1, 50)) << (random.Next(0, 2) * 10));
            Assert.Equal(size, MemorySize.Parse(size.ToExactText()));
        }

        Assert.Equal(("0", "1536M", "1T", "1023K", "7B"), (
            MemorySize.Zero.ToExactText(), MemorySize.FromMiB(1536).ToExactText(), new MemorySize(1L << 40).ToExactText(),
            MemorySize.FromKiB(1023).ToExactText(), new MemorySize(7).ToExactText()));
    }

    [Fact]
    public void A_size_is_never_negative()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySize(-1));
        Assert.Throws<OverflowException>(() => MemorySize.FromMiB(1) - MemorySize.FromMiB(2));
        Assert.Equal(MemorySize.Zero, MemorySize.FromMiB(1).MinusOrZero(MemorySize.FromMiB(2)));
        Assert.Equal(MemorySize.Zero, MemorySize.FromBytes(double.NaN));
    }

    [Fact]
    public void Rounding_goes_to_whole_blocks()
    {
        var block = MemorySize.FromMiB(2);
        Assert.Equal(MemorySize.FromMiB(4), MemorySize.FromMiB(3).RoundUp(block));
        Assert.Equal(MemorySize.FromMiB(2), MemorySize.FromMiB(3).RoundDown(block));
        Assert.Equal(MemorySize.FromMiB(4), MemorySize.FromMiB(4).RoundUp(block));
    }

    [Theory]
    [InlineData(1610612736, "1.5 GiB")]
    [InlineData(268435456, "256 MiB")]
    [InlineData(1000, "1000 B")]
    [InlineData(1536, "1.5 KiB")]
    public void Sizes_are_written_for_people(long bytes, string text) => Assert.Equal(text, new MemorySize(bytes).ToString());
}
