using System.Diagnostics;
using System.Runtime.InteropServices;
using Dmm.Commands;
using Microsoft.AspNetCore.Http;

namespace Dmm.Cli.Tests;

/// <summary>Tests of the program itself: behaviour that only a separate process shows.</summary>
public sealed class ProcessTests
{
    private const int Interrupt = 2;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static long s_sequence;

    [Fact]
    public async Task A_pipe_gets_plain_text_and_the_socket_may_come_from_the_environment()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms", new[] { Samples.Vm });
        using var dmm = Start(daemon, "vm", "list");

        var output = await dmm.StandardOutput.ReadToEndAsync().WaitAsync(Deadline);
        await dmm.WaitForExitAsync().WaitAsync(Deadline);

        Assert.Equal(0, dmm.ExitCode);
        Assert.StartsWith("NAME ", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public async Task Ctrl_C_ends_it_at_once_and_cleanly()
    {
        var following = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/events/stream", context => HangAsync(context, following));
        using var dmm = Start(daemon, "events", "--follow");
        await following.Task.WaitAsync(Deadline);

        Assert.Equal(0, Kill(dmm.Id, Interrupt));
        await dmm.WaitForExitAsync().WaitAsync(Deadline);

        Assert.Equal((ExitCode.Interrupted, ""), (dmm.ExitCode, await dmm.StandardError.ReadToEndAsync()));
    }

    [Fact]
    public async Task A_reader_that_has_enough_ends_it()
    {
        var more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/events/stream", async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await SendAsync(context, "one");
            await more.Task;
            await SendAsync(context, "two");
            await HangAsync(context, more);
        });
        using var dmm = Start(daemon, "events", "--follow");
        Assert.EndsWith("one", await dmm.StandardOutput.ReadLineAsync().WaitAsync(Deadline), StringComparison.Ordinal);

        dmm.StandardOutput.Close();
        more.SetResult();
        await dmm.WaitForExitAsync().WaitAsync(Deadline);

        Assert.Equal((0, ""), (dmm.ExitCode, await dmm.StandardError.ReadToEndAsync()));
    }

    private static Process Start(FakeDaemon daemon, params string[] args)
    {
        // If the tests run in the background, they ignore Ctrl-C, and their child processes inherit that.
        var start = new ProcessStartInfo(
            "env", ["--default-signal=INT", Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "dmm.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DMM_SOCKET"] = daemon.Socket;
        return Process.Start(start)!;
    }

    private static async Task SendAsync(HttpContext context, string text)
    {
        await context.Response.WriteAsync(
            $"data: {{\"sequence\":{Interlocked.Increment(ref s_sequence)},\"at\":\"{DateTimeOffset.UtcNow:O}\","
                + $"\"kind\":\"told\",\"text\":\"{text}\"}}\n\n");
        await context.Response.Body.FlushAsync();
    }

    private static async Task HangAsync(HttpContext context, TaskCompletionSource hanging)
    {
        if (!context.Response.HasStarted)
            context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        hanging.TrySetResult();
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = context.RequestAborted.Register(() => gone.SetResult());
        await gone.Task;
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
