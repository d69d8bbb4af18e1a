using System.Runtime.InteropServices;
using Dmm.Hypervisors.Qemu;

namespace Dmm.Testbed;

/// <summary>
/// A temporary folder for a daemon and its VMs. It ends all of them: VMs outlive the daemon by design, so whoever starts a daemon for a
/// while must end its VMs too. This happens on dispose, at the end of this process, and on the signals that end it. The folder's own name
/// in a VM's command line shows that the VM belongs to it; a pid could belong to another process since.
/// </summary>
public sealed class TestbedFolder : IDisposable
{
    private const int MaxSweeps = 100;
    private static readonly TimeSpan SweepPause = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly List<HostProcess> _daemons = [];
    private readonly PosixSignalRegistration[] _signals;
    private bool _closed;

    /// <param name="endOnSignals">False for a program that handles the signals itself and disposes this folder then.</param>
    public TestbedFolder(bool endOnSignals = true)
    {
        // Path.GetTempPath() is not used: a socket's path has at most 107 bytes, and TMPDIR can be long.
        Path = Directory.CreateDirectory($"/tmp/dmm-{Guid.NewGuid().ToString("N")[..8]}", UnixFileMode.UserRead | UnixFileMode.UserWrite
            | UnixFileMode.UserExecute).FullName;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        PosixSignal[] signals = endOnSignals ? [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT] : [];
        _signals = [.. signals.Select(s => PosixSignalRegistration.Create(s, _ => Close()))];
    }

    public string Path { get; }

    public string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Starts a daemon that ends with this folder. Refused once the folder is closing, so that no daemon is left over.</summary>
    /// <exception cref="TestbedException">The folder is closed.</exception>
    public T Start<T>(Func<(T Started, int Pid)> start)
    {
        lock (_gate)
        {
            if (_closed)
                throw new TestbedException($"{Path} is closed: nothing is started there any more");
            var (started, pid) = start();
            if (HostProcess.Find(pid) is { } process)
                _daemons.Add(process);
            return started;
        }
    }

    /// <summary>The QEMU processes of this folder, including those that are still starting.</summary>
    public IReadOnlyList<HostProcess> FindVms() => [.. Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(System.IO.Path.GetFileName(folder), out var pid) && IsVm(pid) ? HostProcess.Find(pid) : null)
        .OfType<HostProcess>()];

    public void Dispose()
    {
        Close();
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        foreach (var signal in _signals)
            signal.Dispose();
    }

    private void OnExit(object? sender, EventArgs e) => Close();

    private void Close()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;

            // Daemons end first: a living daemon could launch another VM after the sweep.
            foreach (var daemon in _daemons)
                daemon.Kill();
            EndVms();
            if (Directory.Exists(Path))
                Directory.Delete(Path, recursive: true);
        }
    }

    private void EndVms()
    {
        for (var sweep = 0; sweep < MaxSweeps; sweep++)
        {
            var left = FindVms();
            if (left.Count == 0 && !_daemons.Exists(d => d.IsAlive()))
                return;
            foreach (var vm in left)
                vm.Kill();
            Thread.Sleep(SweepPause);
        }

        Console.Error.WriteLine(
            $"could not end these processes "
                + $"of {Path}: {string.Join(", ", FindVms().Concat(_daemons.Where(d => d.IsAlive())).Select(p => p.Pid))}");
    }

    private bool IsVm(int pid)
    {
        try
        {
            var arguments = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
            // A VM that is being launched is another program for a moment, with QEMU's arguments.
            return (System.IO.Path.GetFileName(arguments[0]).StartsWith("qemu", StringComparison.Ordinal)
                    || Array.IndexOf(arguments, "-pidfile") > 0)
                && Array.Exists(arguments, a => a.Contains(Path + "/", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended meanwhile, or belongs to another user.
            return false;
        }
    }
}
