namespace Dmm.Core.Tests;

public sealed class GrowingWaitTests
{
    private static readonly GrowingWait Wait = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));

    [Theory]
    [InlineData(0, 200)]
    [InlineData(1, 400)]
    [InlineData(4, 3_200)]
    [InlineData(5, 5_000)]
    [InlineData(int.MaxValue, 5_000)]
    public void Each_is_twice_the_one_before_up_to_a_bound(int tries, int milliseconds) =>
        Assert.Equal(milliseconds, Wait.After(tries).TotalMilliseconds);

    [Fact]
    public void A_long_first_wait_overflows_nothing() =>
        Assert.Equal(TimeSpan.FromDays(3650), new GrowingWait(TimeSpan.FromDays(1), TimeSpan.FromDays(3650)).After(1_000));
}
