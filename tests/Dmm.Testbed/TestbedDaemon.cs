using System.ComponentModel;
using System.Diagnostics;

namespace Dmm.Testbed;

/// <summary>
/// A real <c>dmmd</c> on a temporary folder. It can be started, killed, started again on the same state, and stopped. Disposing ends it
/// and its VMs, and deletes the folder.
/// </summary>
public sealed class TestbedDaemon : IAsyncDisposable
{
    private static readonly TimeSpan ReadyDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopDeadline = TimeSpan.FromSeconds(20);

    private readonly string _program;
    private Process? _process;

    /// <param name="config">The settings that each start reads; <see cref="Configure"/> writes others.</param>
    /// <param name="program">Null: the program that <c>make build</c> creates, <c>bin/dmmd</c>.</param>
    /// <param name="endOnSignals">As in <see cref="TestbedFolder"/>.</param>
    /// <exception cref="TestbedException">There is no such program.</exception>
    public TestbedDaemon(DaemonConfig config, string? program = null, bool endOnSignals = true)
    {
        _program = program ?? Repository.PathOf("bin", "dmmd");
        if (!File.Exists(_program))
            throw new TestbedException($"there is no daemon at {_program}; 'make build' makes it");
        Folder = new TestbedFolder(endOnSignals);
        Log = new DaemonLog(Folder.In("dmmd.log"));
        Client = new DmmClient(Socket);
        Configure(config);
    }

    public TestbedFolder Folder { get; }

    public DaemonLog Log { get; }

    public DmmClient Client { get; }

    public string Socket => Folder.In("dmm.sock");

    public int? Pid => _process?.Id;

    /// <summary>Environment variables for the next start, in addition to those of the tests.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    private string ConfigFile => Folder.In("dmmd.conf");

    /// <summary>Writes other settings for the next start; the VMs and the journal stay.</summary>
    /// <exception cref="TestbedException">The daemon runs.</exception>
    public void Configure(DaemonConfig config)
    {
        if (_process is not null)
            throw new TestbedException($"dmmd runs (pid {_process.Id}) and has read its settings; stop it first");
        File.WriteAllText(ConfigFile, config.Text(Folder.In("state"), Socket));
    }

    /// <summary>Starts the daemon on its state folder, new or used, and waits until it is ready.</summary>
    /// <returns>The time that this took.</returns>
    /// <exception cref="TestbedException">The daemon ended, or was not ready in time; the message has its last output.</exception>
    public async Task<TimeSpan> StartAsync(CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        StartWithoutWaiting();
        await Wait.UntilAsync("dmmd is ready", () => IsReadyAsync(cancellation), ReadyDeadline, cancellation, LastWords);
        return clock.Elapsed;
    }

    /// <summary>Starts the daemon without waiting, so that it can be killed before it is ready.</summary>
    public void StartWithoutWaiting()
    {
        if (_process is not null)
            throw new TestbedException($"dmmd runs already (pid {_process.Id}); kill or stop it first");
        _process = Folder.Start(() =>
        {
            var started = Launch();
            return (started, started.Id);
        });
    }

    /// <summary>Sends kill -9, which leaves the same state as a crash or a loss of power. The VMs run on.</summary>
    public async Task KillAsync()
    {
        var process = Take();
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>Sends SIGTERM, as systemd does. The VMs run on.</summary>
    /// <returns>Its exit code.</returns>
    /// <exception cref="TestbedException">The daemon did not end in time.</exception>
    public async Task<int> StopAsync()
    {
        using var process = Take();
        // This uses the shell's built-in kill: a minimal Debian has no program kill.
        using (var kill = Process.Start("bash", ["-c", $"kill -TERM {process.Id}"]))
            await kill.WaitForExitAsync();
        using var late = new CancellationTokenSource(StopDeadline);
        try
        {
            await process.WaitForExitAsync(late.Token);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TestbedException($"dmmd did not end within {StopDeadline.TotalSeconds:0} s of SIGTERM; {LastWords()}");
        }
    }

    public ValueTask DisposeAsync()
    {
        Client.Dispose();
        Folder.Dispose();
        _process?.Dispose();
        _process = null;
        return ValueTask.CompletedTask;
    }

    private Process Launch()
    {
        var start = new ProcessStartInfo(_program, ["--config", ConfigFile])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = "/",
            // The .NET runtime puts its pipes for debuggers into the folder for temporary files, where they stay when a daemon is killed.
            Environment = { ["TMPDIR"] = Folder.Path },
        };
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Say(line.Data);
        process.ErrorDataReceived += (_, line) => Say(line.Data);
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            process.Dispose();
            throw new TestbedException($"{_program} can't be started: {e.Message}", e);
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        return process;
    }

    private void Say(string? line)
    {
        if (line is not null && Directory.Exists(Folder.Path))
            Log.Add(line);
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellation)
    {
        if (_process is { HasExited: true } ended)
        {
            // Wait for all of its output before reporting it.
            await ended.WaitForExitAsync(cancellation);
            _process = null;
            var code = ended.ExitCode;
            ended.Dispose();
            throw new TestbedException($"dmmd ended with code {code}; {LastWords()}");
        }

        return await Client.IsReadyAsync(cancellation);
    }

    private string LastWords() => "its last output: " + (Log.Tail(5) is { Count: > 0 } tail ? string.Join(" | ", tail) : "nothing");

    private Process Take()
    {
        var process = _process ?? throw new TestbedException("dmmd does not run; start it first");
        _process = null;
        return process;
    }
}
