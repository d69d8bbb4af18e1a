using Dmm.Contracts;
using Dmm.Daemon.Hosting;

namespace Dmm.Daemon.Tests;

/// <summary>Tests that only read and change nothing; one daemon serves all of them.</summary>
public sealed class QuietDaemonTests(RunningDaemon daemon) : IClassFixture<RunningDaemon>
{
    [Fact]
    public async Task A_simulated_host_shows_nothing_of_the_machine_that_it_runs_on()
    {
        var host = await daemon.Daemon.GetAsync<HostView>("host");
        await DaemonFixture.UntilAsync(async _ => (host = await daemon.Daemon.GetAsync<HostView>("host"))
            .Pressure.MemAvailableBytes is not null);
        Assert.Equal((2L << 30) + (128 << 20), host.Pressure.MemAvailableBytes);
        Assert.Equal(host.ConfiguredMemoryBytes, host.MemoryBytes);
        Assert.Null(host.MemoryWhy);
    }

    [Fact]
    public void A_second_daemon_on_the_same_state_folder_is_told_so()
    {
        var fault = Assert.Throws<StartException>(() => StateDirectory.Hold(daemon.Daemon.Settings.StateDir));
        Assert.StartsWith($"a dmmd runs on {daemon.Daemon.Settings.StateDir} already", fault.Message);
    }

    [Fact]
    public void A_socket_on_which_a_daemon_answers_is_left_alone()
    {
        var fault = Assert.Throws<StartException>(() => ControlSocket.Clear(daemon.Daemon.Settings.Socket.Path));
        Assert.Contains("is in use", fault.Message);
        Assert.True(File.Exists(daemon.Daemon.Settings.Socket.Path));
    }

    [Fact]
    public void The_socket_can_be_written_by_its_owner_and_group_alone() =>
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite,
            File.GetUnixFileMode(daemon.Daemon.Settings.Socket.Path));
}
