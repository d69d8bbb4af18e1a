using Dmm.Contracts;
using Dmm.Daemon.Journals;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>A daemon with two VMs: a, which an operator set to 512 MiB, and b.</summary>
public abstract class TwoGovernedVms : IAsyncLifetime
{
    protected DaemonFixture Daemon { get; } = new("\ndmm.journal.busy-timeout = 1s");

    protected string Journal => Daemon.Settings.Journal.Path;

    public async Task InitializeAsync()
    {
        await Daemon.StartReadyAsync();
        await Daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await Daemon.PostAsync("vms", DaemonFixture.Vm("b"));
        await Daemon.UntilAsync("a", v => v.State == "settled");
        await Daemon.UntilAsync("b", v => v.State == "settled");
        await Daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20));
        await Daemon.UntilAsync("a", v => v.ActualBytes == 512L << 20 && v.State == "settled");
    }

    public async Task DisposeAsync() => await Daemon.DisposeAsync();

    /// <summary>The result of <c>dmmd journal check</c>.</summary>
    protected (int Code, string Said) Check()
    {
        using var output = new StringWriter();
        return (JournalCommand.Check(Daemon.Settings, output), output.ToString());
    }
}
