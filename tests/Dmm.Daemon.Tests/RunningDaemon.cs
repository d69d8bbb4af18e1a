namespace Dmm.Daemon.Tests;

public sealed class RunningDaemon : IAsyncLifetime
{
    public DaemonFixture Daemon { get; } = new();

    public Task InitializeAsync() => Daemon.StartReadyAsync();

    public async Task DisposeAsync() => await Daemon.DisposeAsync();
}
