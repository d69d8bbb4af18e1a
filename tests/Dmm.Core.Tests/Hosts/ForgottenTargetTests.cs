using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>
/// An actor that starts anew knows nothing of what its predecessor was told, and a host that shrinks has promised too much.
/// </summary>
public sealed class ForgottenTargetTests
{
    [Fact]
    public void An_actor_that_starts_anew_is_told_its_target_again()
    {
        var host = new HostUnderTest(1024);
        host.Run(Spec("a", boot: 256));
        host.Say(new HostProtocol.ResizeVm(Id("a"), MiB(512)));
        var told = host.Host.Told[Id("a")];
        Assert.Equal(MiB(512), told.Message.Target);
        host.Effects.Clear();
        host.Say(new VmProtocol.Started(Id("a")));
        host.Report("a", 256, VmPhase.Growing, and: r => r with { Confirmation = new(MiB(256), MiB(256), null), Heard = 0 });
        host.Say(new HostCommand.Beat());
        Assert.Contains(host.Effects.OfType<HostEffect.TellVm>(), tell => tell.Message is VmProtocol.SetTarget { Target: var target }
            && target == MiB(512));
        Assert.NotEqual(told.Number, host.Host.Told[Id("a")].Number);
    }

    [Fact]
    public void What_the_host_has_lost_is_out_of_the_ledger_at_the_next_look()
    {
        var host = new HostUnderTest(4096, watches: true);
        Look(host, 8192);
        Assert.Equal(MiB(4096), host.Host.State.Ledger.HostMemory);
        Look(host, 1504);
        Assert.Equal(MiB(1504), host.Host.State.Ledger.HostMemory);
    }

    private static void Look(HostUnderTest host, long mib) =>
        host.Say(new HostMonitorProtocol.Saw(new(MiB(mib), MiB(8192), host.Now.Now), []));
}
