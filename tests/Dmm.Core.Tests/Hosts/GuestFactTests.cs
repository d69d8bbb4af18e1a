using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>How the host plans for a guest that was reset, and for one that does not take what it was granted.</summary>
public sealed class GuestFactTests
{
    private readonly HostUnderTest _host = new(settings: new() { Memory = MiB(1024), Cushion = MemorySize.Zero });

    public GuestFactTests()
    {
        _host.Run(Spec("a", min: 128, boot: 512, max: 1024), pid: 101);
        _host.Run(Spec("b", min: 128, boot: 256, max: 1024), pid: 102);
        Beat(("a", 150), ("b", 700));
        Settle();
        Assert.True(Granted("a") < MiB(400) && Granted("b") > MiB(600), $"{Granted("a")}, {Granted("b")}");
    }

    [Fact]
    public void From_its_reset_on_it_claims_and_is_promised_what_it_booted_with_and_its_peers_give()
    {
        _host.Report("a", 512, VmPhase.Booting, and: r => r with { Reboots = true });
        Assert.Equal(MiB(512), _host.Host.State.Ledger.Claims[Id("a")].Actual);
        Assert.False(_host.Host.State.Ledger.Deficit.IsZero);
        Beat(("b", 700));
        Assert.Equal((MiB(512), MiB(512)), (Granted("a"), Target("a")));
        Assert.True(Target("b") <= MiB(512), $"{Target("b")}");
    }

    /// <summary>A forecast from before the reset would have its memory taken away again.</summary>
    [Fact]
    public void What_was_foreseen_of_it_before_does_not_count_nor_an_operators_size()
    {
        _host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(150)));
        _host.Report("a", 512, VmPhase.Booting, and: r => r with { Reboots = true });
        Assert.DoesNotContain(Id("a"), _host.Host.Forecasts.Keys);
        Beat(("b", 700));
        Assert.Equal(MiB(512), Target("a"));

        // Once it is heard of it is as any other.
        _host.Report("a", 512);
        Beat(("a", 150), ("b", 700));
        Assert.Equal(MiB(150), Target("a"));
    }

    [Fact]
    public void What_a_guest_does_not_take_is_granted_to_others()
    {
        _host.Report("b", 256, VmPhase.Settled, and: r => r with { Declines = true, Most = MiB(256) });
        Beat(("a", 600), ("b", 700));
        Assert.Equal(MiB(256), Target("b"));
        _host.Report("b", 256, VmPhase.Settled, and: r => r with { Declines = true, Most = MiB(256) });
        Beat(("a", 600), ("b", 700));
        Assert.Equal(MiB(256), Granted("b"));
        Assert.True(Granted("a") >= MiB(600), $"{Granted("a")}");
    }

    private MemorySize Granted(string vm) => _host.Host.State.Vms[Id(vm)].Promise.Granted;

    private MemorySize Target(string vm) => _host.Host.State.Vms[Id(vm)].Promise.Target;

    private void Beat(params (string Vm, long Demand)[] needs)
    {
        _host.Time += TimeSpan.FromSeconds(1);
        _host.Say(new HostCommand.Beat());
        var at = _host.Now.Now;
        _host.Say(new PredictorProtocol.Forecasts(
            [.. needs.Select(n => new Forecast(Id(n.Vm), MiB(n.Demand - 60), MiB(n.Demand), MiB(n.Demand), false, at))], Tick: true));
    }

    private void Settle()
    {
        for (var i = 0; i < 3; i++)
        {
            foreach (var vm in new[] { "a", "b" })
                _host.Report(vm, Target(vm).Bytes >> 20);
            Beat(("a", 150), ("b", 700));
        }
    }
}
