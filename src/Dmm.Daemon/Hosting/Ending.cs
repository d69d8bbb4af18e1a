namespace Dmm.Daemon.Hosting;

/// <summary>How a daemon ends that ends by itself. The VMs run on.</summary>
public sealed class Ending(IHostApplicationLifetime lifetime)
{
    private volatile int _exitCode;

    /// <summary>What dmmd tells whoever started it (<see cref="ExitCodes"/>); 0 until it was told to end otherwise.</summary>
    public int ExitCode => _exitCode;

    /// <summary>
    /// Ends the daemon, at once where it has started and otherwise as soon as it has: a host that is stopped in the middle of its start
    /// breaks off with an exception in the place of an end.
    /// </summary>
    public void With(int exitCode)
    {
        _exitCode = exitCode;
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);
    }
}
