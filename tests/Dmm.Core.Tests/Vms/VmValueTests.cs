using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

public sealed class VmValueTests
{
    [Theory]
    [InlineData("web-1.prod_a")]
    [InlineData("7")]
    public void Names_of_the_narrow_alphabet_are_taken(string name) => Assert.Equal(name, VmId.Parse(name).Name);

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("../x")]
    [InlineData("a\n")]
    [InlineData("ä")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void Other_names_are_refused(string? name) => Assert.Throws<FormatException>(() => VmId.Parse(name));

    [Fact]
    public void A_policy_that_can_not_be_says_what_would_be_right()
    {
        Assert.Null(new VmPolicy(MemorySize.FromMiB(1), MemorySize.FromMiB(1)).Fault());
        Assert.Equal("max 1 MiB is below min 2 MiB; max must be at least min", new VmPolicy(MemorySize.FromMiB(2), MemorySize.FromMiB(1))
            .Fault());
        Assert.Equal("shares is 0; it must be from 1 to 1000000", new VmPolicy(MemorySize.FromMiB(1), MemorySize.FromMiB(1), 0).Fault());
        Assert.Equal(
            "max is 2048 TiB; it can be at most 1024 TiB", new VmPolicy(MemorySize.FromMiB(1), MemorySize.FromGiB(2 << 20)).Fault());
        Assert.NotNull(new VmPolicy(MemorySize.Zero, MemorySize.FromMiB(1)).Fault());
    }

    [Fact]
    public void A_hello_that_limits_growth_says_what_to_set()
    {
        var good = new GuestHello
        {
            Protocol = 1,
            AutoOnline = "online",
            OnlinePolicy = "auto-movable",
            AutoMovableRatio = 50,
            VirtioMem = true,
        };
        Assert.Empty(Limits(good));
        Assert.Contains("memhp_default_state=online", Assert.Single(Limits(good with { AutoOnline = "offline" })));
        Assert.Contains("auto_movable_ratio=50", Assert.Single(Limits(good with { AutoOnline = "online_movable" })));
        Assert.Contains("can't be unplugged", Assert.Single(Limits(good with { OnlinePolicy = "contig-zones" })));
        Assert.Contains("virtio_mem", Assert.Single(Limits(good with { VirtioMem = false })));
    }

    [Fact]
    public void A_guest_that_makes_all_new_memory_movable_is_known_to_grow_only_so_far()
    {
        var movable = new GuestHello { Protocol = 1, AutoOnline = "online_movable", VirtioMem = true };
        var (small, profile) = (MemorySize.FromMiB(256), new MechanismProfile());
        // Measured: a guest of 256 MiB can grow to 11.6 GiB, when nothing else runs.
        Assert.Equal(MemorySize.FromGiB(8), GuestGrowth.MostPlugged(movable, small, small, profile));
        Assert.Contains("8.25 GiB", Assert.Single(GuestGrowth.Limits(movable, small, profile)));
        Assert.Null(
            GuestGrowth.MostPlugged(
                movable with { AutoOnline = "online", OnlinePolicy = "auto-movable", AutoMovableRatio = 301 }, small, small, profile));
    }

    [Fact]
    public void A_guest_that_leaves_new_memory_offline_is_asked_for_one_block_until_it_shows_otherwise()
    {
        var offline = new GuestHello { Protocol = 1, AutoOnline = "offline", VirtioMem = true };
        var (small, profile) = (MemorySize.FromMiB(256), new MechanismProfile());
        Assert.Equal(profile.MemoryBlock, GuestGrowth.MostPlugged(offline, small, MemorySize.Zero, profile));
        Assert.Null(GuestGrowth.MostPlugged(offline, small, profile.MemoryBlock, profile));
    }

    private static ImmutableArray<string> Limits(GuestHello hello) => GuestGrowth.Limits(hello, MemorySize.FromMiB(256), new());

    [Fact]
    public void A_vm_that_boots_anew_under_a_policy_that_was_changed_boots_within_its_bounds()
    {
        var spec = new VmSpec
        {
            Id = VmId.Parse("a"),
            Policy = new(MemorySize.FromMiB(128), MemorySize.FromMiB(512)),
            Boot = MemorySize.FromMiB(224),
        };
        Assert.Equal(MemorySize.FromMiB(288), spec.Under(new(MemorySize.FromMiB(288), MemorySize.FromMiB(512))).Boot);
        Assert.Equal(MemorySize.FromMiB(200), spec.Under(new(MemorySize.FromMiB(128), MemorySize.FromMiB(200))).Boot);
        // The boot size is a whole number of blocks if there is one within the bounds.
        Assert.Equal(MemorySize.FromMiB(290), spec.Under(new(MemorySize.FromBytes(288.5 * (1 << 20)), MemorySize.FromMiB(512))).Boot);
        Assert.Equal(MemorySize.FromMiB(200), spec.Under(new(MemorySize.FromMiB(128), MemorySize.FromBytes(201.5 * (1 << 20)))).Boot);
        Assert.Equal(spec, spec.Under(spec.Policy));
    }
}
