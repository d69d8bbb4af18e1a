namespace Dmm.Core.Tests;

public sealed class EchoTests
{
    [Theory]
    [InlineData(null, "")]
    [InlineData("web-1", "web-1")]
    [InlineData("größe", "größe")]
    [InlineData("a\nb\tc\u0085d\u2028e", "a⏎b\uFFFDc\uFFFDd\uFFFDe")]
    public void A_text_is_shown_on_one_line(string? text, string shown) => Assert.Equal(shown, Echo.Of(text));

    [Fact]
    public void A_long_text_is_cut()
    {
        Assert.Equal(new string('a', 60), Echo.Of(new string('a', 60)));
        Assert.Equal(new string('a', 60) + "…", Echo.Of(new string('a', 5_000)));
        // A character outside of the basic plane has two halves; half of one is no text.
        Assert.Equal(new string('a', 59) + "…", Echo.Of(new string('a', 59) + "\U0001F600 and more"));
    }
}
