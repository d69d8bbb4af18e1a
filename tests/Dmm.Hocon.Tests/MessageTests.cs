namespace Dmm.Hocon.Tests;

/// <summary>What is told of a file that is wrong is bounded, and can be shown on a terminal, whatever the file is.</summary>
public sealed class MessageTests
{
    [Fact]
    public void A_value_is_shown_without_its_control_characters()
    {
        var root = HoconText.Parse("a = 75\t%\nb = \"x\\u001b[2Jy\"\nc = \"\"\"one\ntwo\"\"\"", "f").Root;
        Assert.Equal(["'75\\u0009%'", "'x\\u001b[2Jy'", "'one⏎two'"], root.Members.Values.Select(value => value.Shown));
    }

    [Fact]
    public void A_file_that_is_wrong_in_every_line_is_told_of_in_a_few()
    {
        var fault = new SettingsException([.. Enumerable.Range(1, 10_000).Select(i => $"fault {i}")]);
        Assert.Equal(SettingsException.MostFaults + 1, fault.Faults.Count);
        Assert.Equal($"and {10_000 - SettingsException.MostFaults} more faults", fault.Faults[^1]);
        Assert.Equal(SettingsException.LongestFault + 1, new SettingsException(new string('k', 1 << 20)).Faults[0].Length);
        Assert.Equal(["short"], new SettingsException("short").Faults);
    }

    [Fact]
    public void A_key_of_a_megabyte_is_near_to_none()
    {
        var key = new string('k', 1 << 20);
        var began = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(Nearest.To(key, Enumerable.Range(0, 200).Select(i => $"dmm.plan.key-{i}")));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - began, 0, 1 << 20);
        Assert.Equal("min", Nearest.To("mim", ["min", "max"]));
    }
}
