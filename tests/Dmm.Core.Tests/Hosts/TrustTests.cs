using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>Memory in a balloon is free for others only as far as the VM is trusted.</summary>
public sealed class TrustTests
{
    private HostUnderTest _host = null!;

    private Ledger Ledger => _host.Host.State.Ledger;

    private static VmProtocol.Report InGroup(VmProtocol.Report report) =>
        report with { Capabilities = report.Capabilities! with { Group = "/dmm/a" } };

    private void Start(Trust trust, long memoryMiB = 1024) =>
        _host = new(settings: new() { Memory = MiB(memoryMiB), Trust = trust });

    [Theory]
    [InlineData(Trust.Measured, false, Trust.Measured)]
    [InlineData(Trust.Measured, true, Trust.Enforced)]
    [InlineData(Trust.Enforced, true, Trust.Enforced)]
    [InlineData(Trust.Enforced, false, Trust.None)]
    [InlineData(Trust.None, true, Trust.None)]
    [InlineData(Trust.None, false, Trust.None)]
    public void What_can_be_enforced_decides(Trust setting, bool enforced, Trust expected) =>
        Assert.Equal(expected, Trusts.Of(setting, enforced));

    [Theory]
    [InlineData(Trust.Measured, false)]
    [InlineData(Trust.Measured, true)]
    [InlineData(Trust.Enforced, true)]
    public void A_trusted_balloon_frees_memory_for_others(Trust setting, bool inGroup)
    {
        Start(setting);
        _host.Run(Spec("a", boot: 512));
        _host.Report("a", 512, and: inGroup ? InGroup : null);
        _host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(200)));
        _host.Report("a", 200, and: inGroup ? InGroup : null);
        Assert.Equal(MiB(1024 - 200), Ledger.Free);
    }

    [Theory]
    [InlineData(Trust.None, true)]
    [InlineData(Trust.None, false)]
    [InlineData(Trust.Enforced, false)]
    public void A_balloon_that_is_not_trusted_frees_nothing_and_is_not_asked(Trust setting, bool inGroup)
    {
        Start(setting);
        _host.Run(Spec("a", boot: 512));
        _host.Report("a", 512, and: inGroup ? InGroup : null);
        var done = Assert.IsType<HostProtocol.Done>(_host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(200))));
        Assert.Contains(done.Notes, note => note.Contains("keeps the 512 MiB that it booted with", StringComparison.Ordinal));
        Assert.Equal(MiB(512), _host.Host.State.Vms[Id("a")].Promise.Target);

        // Whatever its guest lets its balloon hold, nobody else gets it.
        _host.Report("a", 200, and: inGroup ? InGroup : null);
        Assert.Equal(MiB(1024 - 512), Ledger.Free);
        Assert.Equal(MemorySize.Zero, Ledger.Deficit);
    }

    [Fact]
    public void Plugged_memory_of_an_untrusted_vm_goes_to_others_all_the_same()
    {
        Start(Trust.None);
        _host.Run(Spec("a", boot: 256));
        _host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(800)));
        _host.Report("a", 800);
        Assert.Equal(MiB(1024 - 800), Ledger.Free);
        _host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(128)));
        Assert.Equal(MiB(256), _host.Host.State.Vms[Id("a")].Promise.Target);
        _host.Report("a", 256);
        Assert.Equal(MiB(1024 - 256), Ledger.Free);
    }

    /// <summary>What it could take back is its own anyway: it gets it without anybody giving.</summary>
    [Fact]
    public void A_vm_that_was_squeezed_before_it_lost_trust_gets_back_what_it_booted_with()
    {
        Start(Trust.Enforced);
        _host.Run(Spec("a", boot: 512));
        _host.Report("a", 512, and: InGroup);
        _host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(200)));
        _host.Report("a", 200, and: InGroup);
        _host.Say(new HostProtocol.ResizeVm(Id("a"), null));
        Assert.Equal(MiB(1024 - 200), Ledger.Free);

        _host.Report("a", 200, and: report => InGroup(report) with { NotHeld = "no such file" });
        Assert.Equal(MiB(1024 - 512), Ledger.Free);
        Assert.Equal(MiB(512), _host.Host.State.Vms[Id("a")].Promise.Target);
    }

    [Fact]
    public void Trust_that_is_lost_on_a_full_host_is_a_deficit_with_its_cause()
    {
        Start(Trust.Enforced);
        _host.Run(Spec("a", boot: 512));
        _host.Report("a", 512, and: InGroup);
        _host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(200)));
        _host.Report("a", 200, and: InGroup);
        _host.Run(Spec("b", boot: 800), pid: 101);
        _host.Report("a", 200, and: report => InGroup(report) with { NotHeld = "no such file" });
        Assert.Equal(MiB(512 + 800 - 1024), Ledger.Deficit);
        Assert.Contains("the 312 MiB in the balloon of a count as its own", _host.Host.DeficitText(), StringComparison.Ordinal);
    }

    /// <summary>Guarantees of others are not given on memory that never comes.</summary>
    [Fact]
    public void What_it_booted_with_is_not_room_for_guarantees()
    {
        Start(Trust.None);
        _host.Run(Spec("a", min: 128, boot: 512));
        var refused = Assert.IsType<AdmissionProtocol.RecordRefused>(_host.Request(Spec("b", min: 600, boot: 600)));
        Assert.Contains("room for 512 MiB", refused.Refusal.Why, StringComparison.Ordinal);
        Start(Trust.Measured);
        _host.Run(Spec("a", min: 128, boot: 512));
        Assert.IsNotType<AdmissionProtocol.RecordRefused>(_host.Request(Spec("b", min: 600, boot: 600)));
    }

    [Theory]
    [InlineData(Trust.Measured, 200)]
    [InlineData(Trust.Enforced, 512)]
    [InlineData(Trust.None, 512)]
    public void A_squeezed_vm_that_is_adopted_is_granted_what_counts_as_its_own(Trust setting, long granted)
    {
        Start(setting);
        var adopt = new HostProtocol.AdoptVm(Handle("a", 300, owned: false, boot: 512), new(MiB(128), MiB(1024)), MiB(200), MemorySize.Zero)
        {
            ReadAt = _host.Now.Now,
            Returnable = MiB(312),
        };
        Assert.IsType<HostProtocol.Done>(_host.Say(adopt));
        Assert.Equal(MiB(1024 - granted), Ledger.Free);
        _host.Report("a", 200);
        Assert.Equal(MiB(1024 - granted), Ledger.Free);

        Start(setting, memoryMiB: 400);
        Assert.Equal(granted == 200, _host.Say(adopt) is HostProtocol.Done);
    }

    [Fact]
    public void What_a_trust_costs_is_said_in_figures()
    {
        var sizes = new VmSizes(MiB(512), default, MiB(312), default, MiB(312));
        Assert.Equal("held to its claim by control group /dmm/a", Trusts.Text(Trust.Enforced, sizes, "/dmm/a", null));
        var none = Trusts.Text(Trust.None, sizes, null, "no cgroup v2");
        Assert.Contains("312 MiB in its balloon stay counted", none, StringComparison.Ordinal);
        Assert.Contains("(no cgroup v2)", none, StringComparison.Ordinal);
        var measured = Trusts.Text(Trust.Measured, sizes, null, null);
        Assert.Contains("312 MiB in its balloon are counted as free", measured, StringComparison.Ordinal);
    }
}
