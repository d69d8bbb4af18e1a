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
    [InlineData("12345", 12345)]
    [InlineData("7b", 7)]
    [InlineData("0", 0)]
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
        Assert.Equal($"'{text}' is not a memory size; write a number and a unit, such as 256M, 1.5GiB or 1073741824", fault.Message);
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
