using Dmm.Core.Hosts;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

public sealed class AdoptionTests
{
    [Fact]
    public void A_vm_that_is_adopted_before_the_ledger_governs_keeps_its_actor()
    {
        var host = new HostUnderTest(4096, watches: true);
        Assert.IsType<HostProtocol.Done>(host.Adopt("early"));
        Assert.False(host.Host.InControl);

        host.Say(new HostMonitorProtocol.Saw(new(MiB(8192), MiB(8192), host.Now.Now), []));

        Assert.True(host.Host.InControl);
        var all = Assert.Single(host.Effects.OfType<HostEffect.StartVms>(), start => start.All);
        Assert.Contains(Id("early"), all.Vms);
    }
}
