using System.Text.Json;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Connection;

namespace Dmm.Hypervisors.Tests.Qemu.Connection;

/// <summary>Tests the sample that is made from a balloon's statistics, which differ with the age of the guest's kernel.</summary>
public sealed class BalloonStatisticsTests
{
    private const string NotTold = "18446744073709551615";

    private static GuestSample? Read(string more) => BalloonStatistics.Read(
        JsonDocument.Parse($$"""{"stat-total-memory": 1000000, "stat-free-memory": 20000{{more}}}""").RootElement, Moment.Origin,
        new(2_000_000));

    [Fact]
    public void What_is_available_is_the_kernels_own_word_and_half_of_the_cache_is_taken_for_used()
    {
        var sample = Read(""", "stat-available-memory": 600000, "stat-disk-caches": 500000""")!;
        Assert.True(sample.TellsUse);
        Assert.Equal(new MemorySize(600_000), sample.MemAvailable);
        Assert.Equal((new MemorySize(250_000), new MemorySize(250_000)), (sample.ActiveFile, sample.InactiveFile));
    }

    [Fact]
    public void Where_the_kernel_does_not_say_what_is_available_half_of_its_caches_are()
    {
        var sample = Read($""", "stat-available-memory": {NotTold}, "stat-disk-caches": 500000""")!;
        Assert.True(sample.TellsUse);
        Assert.Equal(new MemorySize(270_000), sample.MemAvailable);
    }

    [Fact]
    public void Free_memory_alone_tells_nothing_of_what_is_used()
    {
        var sample = Read($""", "stat-available-memory": {NotTold}, "stat-disk-caches": {NotTold}""")!;
        Assert.False(sample.TellsUse);
        // So no memory is taken from the guest.
        Assert.True(sample.MemAvailable.IsZero);
        Assert.Equal(new MemorySize(20_000), sample.MemFree);
    }

    [Fact]
    public void A_guest_that_does_not_tell_even_its_total_is_not_heard() =>
        Assert.Null(BalloonStatistics.Read(JsonDocument.Parse("""{"stat-free-memory": 1}""").RootElement, Moment.Origin, new(1)));
}
