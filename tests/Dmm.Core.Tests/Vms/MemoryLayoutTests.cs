using CsCheck;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

public sealed class MemoryLayoutTests
{
    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static MemoryLayout For(long target, long spark = 24, long pluggable = 8192, bool balloon = true) =>
        MemoryLayout.For(MiB(256), MiB(pluggable), MiB(2), balloon, MiB(target), MiB(spark));

    [Fact]
    public void Below_base_the_balloon_alone_makes_the_size() => Assert.Equal(new MemoryLayout(MiB(0), MiB(128)), For(128));

    [Fact]
    public void Above_base_hotplug_makes_it_and_a_spark_is_kept() => Assert.Equal(new MemoryLayout(MiB(280), MiB(24)), For(512));

    [Fact]
    public void Without_hotplug_there_is_the_balloon_alone() => Assert.Equal(new MemoryLayout(MiB(0), MiB(0)), For(512, pluggable: 0));

    [Fact]
    public void Without_a_balloon_whole_blocks_are_plugged_and_nothing_more() =>
        Assert.Equal(new MemoryLayout(MiB(254), MiB(0)), For(511, balloon: false));

    /// <summary>
    /// A growing VM gets the whole blocks that fit. A shrinking VM keeps the last block as long as a part of it is wanted, and the
    /// balloon holds back the rest.
    /// </summary>
    [Theory]
    [InlineData(1000, 0, 512, 0)]
    [InlineData(1000, 1024, 1024, 280)]
    [InlineData(1000, 4096, 1024, 280)]
    [InlineData(768, 0, 512, 0)]
    [InlineData(200, 512, 0, 56)]
    [InlineData(9000, 0, 4096, 0)]
    public void Large_blocks_come_and_go_whole(long target, long held, long plugged, long ballooned) => Assert.Equal(
        new MemoryLayout(MiB(plugged), MiB(ballooned)),
        MemoryLayout.For(MiB(256), MiB(4096), MiB(512), true, MiB(target), MiB(24), MiB(held)));

    [Fact]
    public void A_wish_for_a_part_of_a_large_block_is_a_wish_for_all_of_it()
    {
        var can = new VmCapabilities(Balloon: true, MiB(4096), MiB(512), []);
        var sizes = new VmSizes(MiB(256), MiB(512), MiB(100), MiB(512), MiB(100));
        Assert.Equal(
            [MiB(700), MiB(768), MiB(1280)], new[] { 700L, 768, 800 }.Select(wanted => MemoryLayout.LeastFrom(MiB(wanted), sizes, can)));
        Assert.Equal(MiB(801), MemoryLayout.LeastFrom(MiB(801), sizes, can with { BlockSize = MiB(2) }));
    }

    [Fact]
    public void The_parts_add_up_to_the_target_exactly_wherever_the_devices_can() =>
        Gen.Select(Gen.Long[1, 8000L << 20], Gen.Int[0, 64]).Sample((bytes, spark) =>
        {
            var target = new MemorySize(bytes);
            var layout = MemoryLayout.For(MiB(256), MiB(8192), MiB(2), true, target, MiB(spark));
            Assert.Equal(target, MiB(256) + layout.Plugged - layout.Ballooned);
            Assert.Equal(0, layout.Plugged.Bytes % MiB(2).Bytes);
            Assert.True(layout.Ballooned <= MiB(256));
        });
}
