using System.Diagnostics;
using Dmm.Commands;

namespace Dmm.Cli.Tests;

/// <summary>The command's output can be full, closed or gone: then the result is printed, or the exit code says that it was not.</summary>
public sealed class OutputTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("vm list", ">/dev/full", "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("vm list --json", ">/dev/full", "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("events --follow", ">/dev/full", "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("--help", ">/dev/full", "dmm: standard output can't be written: No space left on device\n")]
    [InlineData("vm list", ">&-", "dmm: standard output is closed, so nothing can be printed\n")]
    [InlineData("vm list", "<&- >&-", "dmm: standard output is closed, so nothing can be printed\n")]
    [InlineData("vm list", ">/dev/full 2>/dev/full", "")]
    [InlineData("vm list", ">&- 2>&-", "")]
    public async Task What_can_not_be_printed_has_failed(string arguments, string redirections, string error)
    {
        await using var daemon = await DaemonAsync();
        Assert.Equal((ExitCode.Failed, error), await RunAsync(daemon, redirections, arguments.Split(' ')));
    }

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    [InlineData("2>/dev/full >/dev/full")]
    public async Task What_is_wrong_keeps_its_exit_code_where_nobody_can_be_told(string redirections)
    {
        await using var daemon = await DaemonAsync();
        Assert.Equal((ExitCode.Usage, ""), await RunAsync(daemon, redirections, "vm", "bogus"));
        Assert.Equal((ExitCode.Failed, ""), await RunAsync(daemon, redirections, "vm", "show", "nope", "--json"));
    }

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("vm list | true")]
    public async Task A_reader_that_has_had_enough_is_no_fault(string pipe)
    {
        await using var daemon = await DaemonAsync();
        var parts = pipe.Split(" | ");
        Assert.Equal((0, ""), await RunAsync(daemon, "", parts[0].Split(' '), $"| {parts[1]}"));
    }

    [Theory]
    [InlineData("vm", "create", "--spec", "PIPE")]
    [InlineData("vm", "create", "--spec", "/dev/zero")]
    [InlineData("vm", "create", "--spec", "/")]
    public async Task What_is_no_regular_file_is_refused_and_neither_waited_for_nor_read_without_end(params string[] args)
    {
        var folder = Directory.CreateTempSubdirectory("dmm-spec-").FullName;
        var pipe = Path.Combine(folder, "pipe");
        using (var made = Process.Start("mkfifo", pipe))
            await made.WaitForExitAsync();

        var result = await Command.RunAloneAsync([.. args.Select(a => a.Replace("PIPE", pipe, StringComparison.Ordinal))]);

        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Matches(
            "^dmm: [^\n]* is (a named pipe|a device|a folder); a (regular )?file is needed[^\n]*\n$",
            result.Error.ReplaceLineEndings("\n"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task An_answer_that_lacks_what_must_be_in_it_is_a_line()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("PATCH /api/v1/vms/a", new object());
        var result = await Command.RunAsync(daemon, "vm", "set", "a", "--shares", "3");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Matches("^dmm: [^\n]*\n$", result.Error.ReplaceLineEndings("\n"));
    }

    private static async Task<FakeDaemon> DaemonAsync() => (await FakeDaemon.StartAsync())
        .On("GET /api/v1/vms", new[] { Samples.Vm })
        .On("GET /api/v1/events/stream", async context =>
        {
            context.Response.ContentType = "text/event-stream";
            var text = $"data: {{\"sequence\":1,\"at\":\"{DateTimeOffset.UtcNow:O}\",\"kind\":\"told\",\"text\":\"one\"}}\n\n";
            await context.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text));
            await context.Response.Body.FlushAsync();
        });

    /// <summary>Runs the command in a shell; with a pipe, the exit code is the command's, not its reader's.</summary>
    private static async Task<(int Code, string Error)> RunAsync(FakeDaemon daemon, string redirections, string[] args, string pipe = "")
    {
        // Without exec, the shell's own message about an end by a signal would be among the errors.
        var script = pipe.Length == 0 ? $"exec \"$0\" \"$@\" {redirections}" : $"set -o pipefail; \"$0\" \"$@\" {redirections} {pipe}";
        var start = new ProcessStartInfo(
            "bash", ["-c", script, Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "dmm.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DMM_SOCKET"] = daemon.Socket;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(Deadline);
        await output;
        return (process.ExitCode, await error);
    }

    private static Task<(int Code, string Error)> RunAsync(FakeDaemon daemon, string redirections, params string[] args) =>
        RunAsync(daemon, redirections, args, "");
}
