using Dmm.Daemon.Hosting;
using Dmm.Settings;

namespace Dmm.Daemon.Tests.Hosting;

/// <summary>The driver accepts every value that the settings accept: there is one bound, not two.</summary>
public sealed class BoundsTests
{
    [Theory]
    [InlineData("tb-size = 8MiB")]
    [InlineData("tb-size = 15MiB")]
    [InlineData("tb-size = 1GiB")]
    [InlineData("hotplug-room = 0")]
    [InlineData("hotplug-room = 256GiB")]
    [InlineData("spare-root-ports = 0")]
    [InlineData("spare-root-ports = 16")]
    [InlineData("command-deadline = 100ms")]
    [InlineData("launch-deadline = 1s")]
    [InlineData("probe-deadline = 1s")]
    [InlineData("stats-period = 1s")]
    [InlineData("stats-period = 60s")]
    [InlineData("user-network = open")]
    [InlineData("sandbox = off")]
    [InlineData("append = \"\"")]
    public async Task The_least_and_the_most_of_each_setting_of_QEMU_s_can_be(string setting)
    {
        var settings = DmmSettings.Parse($"dmm.qemu.{setting}", "test.conf");
        await using var hypervisor = ActorSettings.HypervisorOf(settings, _ => { });
        Assert.NotNull(hypervisor);
    }
}
