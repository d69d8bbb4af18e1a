using Dmm.Core.Admission;
using Dmm.Core.Memory;
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
        Assert.Equal("max 1 MiB is below min 2 MiB; max must be at least min", new VmPolicy(MemorySize.FromMiB(2), MemorySize.FromMiB(1)).Fault());
        Assert.Equal("shares is 0; it must be from 1 to 1000000", new VmPolicy(MemorySize.FromMiB(1), MemorySize.FromMiB(1), 0).Fault());
        Assert.NotNull(new VmPolicy(MemorySize.Zero, MemorySize.FromMiB(1)).Fault());
    }

    [Fact]
    public void A_hello_that_limits_growth_says_what_to_set()
    {
        var good = new GuestHello { Protocol = 1, AutoOnline = "online", OnlinePolicy = "auto-movable", AutoMovableRatio = 50, VirtioMem = true };
        Assert.Empty(good.GrowthLimits());
        Assert.Contains("memhp_default_state=online", Assert.Single((good with { AutoOnline = "offline" }).GrowthLimits()));
        Assert.Contains("auto_movable_ratio=50", Assert.Single((good with { AutoOnline = "online_movable" }).GrowthLimits()));
        Assert.Contains("can't be unplugged", Assert.Single((good with { OnlinePolicy = "contig-zones" }).GrowthLimits()));
        Assert.Contains("virtio_mem", Assert.Single((good with { VirtioMem = false }).GrowthLimits()));
    }

    [Fact]
    public void A_new_vm_fits_waits_or_never_will()
    {
        var (a, b) = (VmId.Parse("a"), VmId.Parse("b"));
        var mib = MemorySize.FromMiB;
        var ledger = new Ledger(mib(1000), MemorySize.Zero).TakeIn(a, new(mib(700), mib(700), mib(50)));
        var policies = new Dictionary<VmId, VmPolicy> { [a] = new(mib(200), mib(1000)) };
        Assert.IsType<Judgement.Fits>(AdmissionRules.Judge(ledger, b, mib(200), mib(50), policies));
        Assert.Equal(mib(300), Assert.IsType<Judgement.Waits>(AdmissionRules.Judge(ledger, b, mib(500), mib(50), policies)).Missing);
        Assert.Contains("750 MiB", Assert.IsType<Judgement.Never>(AdmissionRules.Judge(ledger, b, mib(800), mib(50), policies)).Why);
    }
}
