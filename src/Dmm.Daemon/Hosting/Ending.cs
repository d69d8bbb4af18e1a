namespace Dmm.Daemon.Hosting;

/// <summary>Ends the daemon when it ends by its own decision. The VMs run on.</summary>
public sealed class Ending(IHostApplicationLifetime lifetime)
{
    private volatile int _exitCode;

    /// <summary>The exit code of dmmd (<see cref="ExitCodes"/>); 0 unless <see cref="With"/> has set another.</summary>
    public int ExitCode => _exitCode;

    /// <summary>
    /// Ends the daemon: at once where it has started, otherwise as soon as it has. A web host that is stopped during its start fails
    /// with an exception instead of an orderly end.
    /// </summary>
    public void With(int exitCode)
    {
        _exitCode = exitCode;
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);
    }
}
