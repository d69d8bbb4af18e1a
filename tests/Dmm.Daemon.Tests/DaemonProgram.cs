using System.Diagnostics;
using System.Runtime.InteropServices;
using Dmm.Contracts;

namespace Dmm.Daemon.Tests;

/// <summary>The program dmmd itself, in a folder of its own, for behaviour that only a process shows.</summary>
internal sealed class DaemonProgram : IDisposable
{
    private const int Terminate = 15;
    private readonly List<Process> _started = [];

    public DaemonProgram() => Folder = Directory.CreateTempSubdirectory("dmmd-p-").FullName;

    public string Folder { get; }

    public string Socket => In("d.sock");

    public string In(string name) => Path.Combine(Folder, name);

    /// <summary>Settings of a daemon that needs no hypervisor.</summary>
    /// <param name="more">Further lines.</param>
    /// <param name="dmm">Further settings of the section dmm.</param>
    public string Settings(string dmm = "", string more = "", string? socket = null)
    {
        var file = In("dmm.conf");
        File.WriteAllText(
            file,
            $$"""
            dmm {
              hypervisor = simulation, state-dir = "{{In("s")}}", socket = "{{socket ?? Socket}}"
              host { memory = 2GiB, reserve = 128MiB, cushion = 64MiB }
              {{dmm}}
            }
            {{more}}
            """);
        return file;
    }

    public Process Start(params string[] arguments) => StartBy([], arguments);

    /// <param name="by">A program that starts dmmd, such as a shell with redirections; the end of a script is "$0" "$@".</param>
    public Process StartBy(string[] by, params string[] arguments)
    {
        string[] words = [.. by, Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "dmmd.dll"), .. arguments];
        var process =
            Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _started.Add(process);
        return process;
    }

    /// <summary>Runs dmmd until it ends.</summary>
    public Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => EndOfAsync(Start(arguments));

    public static async Task<(int Code, string Output, string Error)> EndOfAsync(Process process)
    {
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(DaemonFixture.Deadline);
        return (process.ExitCode, await output, await error);
    }

    /// <summary>Waits until dmmd answers.</summary>
    public Task ReadyAsync(Process process) => ReadyAsync(process, Socket);

    public static async Task ReadyAsync(Process process, string socket)
    {
        using var client = ClientOf(socket);
        await DaemonFixture.UntilAsync(async cancellation =>
        {
            Assert.False(process.HasExited, "dmmd has ended");
            try
            {
                return (await client.GetAsync("/ready", cancellation)).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    public static void SendTerminate(Process process) => Assert.Equal(0, Kill(process.Id, Terminate));

    public void Dispose()
    {
        foreach (var process in _started)
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(Folder, recursive: true);
    }

    private static HttpClient ClientOf(string path) => SocketHttp.Client(path, "http://dmm/", DaemonFixture.Deadline);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
