using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>Examples of what each of several hotplug devices is told.</summary>
public sealed class DeviceVectorTests
{
    [Theory]
    // The devices are not filled in order: nothing moves between them.
    [InlineData("0/0 512/512", 512, "0 512")]
    [InlineData("0/0 512/512", 536, "24 512")]
    [InlineData("0/0 512/512", 256, "0 256")]
    // A device that keeps memory that it was asked to give back is left with it, and no other device takes its place.
    [InlineData("188/188 4/0", 192, "188 4")]
    [InlineData("188/188 4/0", 188, "188 0")]
    [InlineData("188/188 4/0", 200, "196 4")]
    [InlineData("188/188 4/0", 100, "100 0")]
    // Once the first is full, the next is filled; the last gives first.
    [InlineData("188/188 0/0", 1400, "1024 376")]
    [InlineData("1024/1024 376/376", 900, "900 0")]
    // Somebody else told them otherwise: a device that takes goes on, and one that gives stops where it is, as far as the amount allows.
    [InlineData("0/512 512/0", 512, "0 512")]
    [InlineData("100/100 50/200", 300, "100 200")]
    [InlineData("100/100 50/200", 400, "200 200")]
    [InlineData("100/300 100/0", 250, "150 100")]
    [InlineData("200/0 200/0", 350, "200 150")]
    public void The_amount_is_spread_from_what_each_has(string devices, long amount, string told) =>
        Assert.Equal(told, Told(Of(devices, 1024, 2), amount));

    [Theory]
    [InlineData("60:2 128:128", 128, "0 128")]
    [InlineData("60:2 128:128", 188, "60 128")]
    [InlineData("60:2 128:128", 384, "256 128")]
    [InlineData("256:128 60:2", 512, "384 128")]
    [InlineData("256:128 60:4", 200, "256 0")]
    [InlineData("0:128 62:2 4:4", 190, "0 62 128")]
    public void Blocks_of_several_sizes_are_left_whole(string devices, long amount, string told) =>
        Assert.Equal(told, Told([.. devices.Split(' ').Select(d => d.Split(':')).Select(d => InBlocks(MiB(d[0]), MiB(d[1])))], amount));

    [Fact]
    public void Asked_for_the_same_again_in_vain_the_next_device_is_asked_and_the_first_asked_is_left_alone()
    {
        var turn = new DeviceTurn();
        string Told(string devices, long amount) =>
            string.Join(' ', turn.Spread(Of(devices, 1024, 2), MiB($"{amount}")).Select(part => part.Bytes >> 20));
        Assert.Equal("186 0 0", Told("186/186 10/10 8/8", 186));
        // The last device is skipped, and comes after all others.
        Assert.Equal("178 0 8", Told("186/186 10/0 8/0", 186));
        Assert.Equal("168 10 8", Told("186/178 10/0 8/8", 186));
        Assert.Equal("186 0 0", Told("186/168 10/10 8/8", 186));
        // One device has moved, or another amount is asked for: the order was not in vain.
        Assert.Equal("186 0 0", Told("186/186 10/0 6/0", 186));
        Assert.Equal("184 0 0", Told("186/186 10/0 6/0", 184));
    }

    [Fact]
    public void Who_is_to_have_less_is_told_first()
    {
        var devices = Of("100/300 50/50 80/0", 1024, 2);
        Assert.Equal([0, 1, 2], DeviceVector.InOrder(devices, DeviceVector.Spread(devices, MemorySize.FromMiB(230))));
        Assert.Equal(
            [2, 0, 1],
            DeviceVector.InOrder(Of("0/0 50/50 80/80", 1024, 2), [MemorySize.FromMiB(20), MemorySize.FromMiB(50), MemorySize.FromMiB(60)]));
    }

    [Fact]
    public void What_one_takes_before_another_has_given_counts_beside()
    {
        var sizes = new VmSizes(MiB("256"), default, MiB("24"), default, MiB("24")).Of(Of("0/536 512/0", 1024, 2));
        Assert.Equal((MiB("512"), MiB("536"), MiB("512")), (sizes.Plugged, sizes.PluggedTarget, sizes.Overlap));
        Assert.Equal((MiB("1048"), MiB("1280")), (sizes.PluggedMost, sizes.Ceiling));
        Assert.Equal(MemorySize.Zero, new VmSizes(default, default, default, default, default).Of(Of("0/100 512/600", 1024, 2)).Overlap);
    }

    private static HotplugDevice[] Of(string devices, long maxMib, long blockMib) =>
    [
        .. devices.Split(' ').Select(d => d.Split('/'))
            .Select(d => new HotplugDevice(MiB(d[0]), MiB(d[1]), MemorySize.FromMiB(maxMib), MemorySize.FromMiB(blockMib))),
    ];

    /// <summary>A device with fine blocks is small: 256 MiB, or full with 62.</summary>
    private static HotplugDevice InBlocks(MemorySize size, MemorySize block) =>
        new(size, size, block != MiB("2") ? MiB("1024") : size == MiB("62") ? size : MiB("256"), block);

    private static string Told(HotplugDevice[] devices, long amount) =>
        string.Join(' ', DeviceVector.Spread(devices, MemorySize.FromMiB(amount)).Select(part => part.Bytes >> 20));

    private static MemorySize MiB(string text) => MemorySize.Parse(text + "M");
}
