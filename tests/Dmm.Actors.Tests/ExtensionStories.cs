using Dmm.Core;
using Dmm.Core.Hosts;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>Growth beyond the devices that a VM was started with.</summary>
public sealed class ExtensionStories : HostFixture
{
    private static readonly VmId Web = VmId.Parse("web");
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"dmm-extension-{Guid.NewGuid():N}");

    public ExtensionStories(ITestOutputHelper output)
        : base(output) => Hypervisor = new(new() { Directory = _directory, PluggableMax = MiB(1024) }, Time);

    [Fact]
    public void A_raised_max_adds_a_device_and_the_vm_grows_into_it()
    {
        StartHost(memoryMiB: 8192);
        Create(Spec("web", 128, 256, 1024));
        UntilRuns("web");
        Assert.IsType<HostProtocol.Done>(Ask(new HostProtocol.SetPolicy(Web, null, MiB(4096), null)));
        Assert.IsType<HostProtocol.Done>(Ask(new HostProtocol.ResizeVm(Web, MiB(3584))));

        var status = Until("it is beyond its first device", _ => Guest("web").Sizes.Actual == MiB(3584));

        Assert.True(status.Reports[Web].Capabilities!.PluggableMax >= MiB(4096 - 256));
        Assert.Contains("extended", EventKinds());
    }

    [Fact]
    public void A_max_beyond_all_that_can_be_added_is_refused_with_the_figure()
    {
        StartHost(memoryMiB: 65536);
        Create(Spec("web", 128, 256, 1024));
        UntilRuns("web");
        var refused = Assert.IsType<HostProtocol.Refused>(Ask(new HostProtocol.SetPolicy(Web, null, MiB(32768), null)));
        Assert.Contains("4.25 GiB", refused.Why);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_directory, recursive: true);
    }

    private object Ask(object request)
    {
        Host.Tell(request, TestActor);
        return ReceiveOne(TimeSpan.FromSeconds(5));
    }
}
