using System.CommandLine;
using System.Runtime.InteropServices;
using Dmm.Commands.Output;
using Dmm.Files;

namespace Dmm.Commands;

/// <summary>The common start and end of DMM's commands: standard streams, signals, exit code.</summary>
public static class Entry
{
    /// <summary>
    /// Time for an orderly end after a signal. A command that hangs in the kernel (a pipe without a reader, a dead network disk) is
    /// abandoned then.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <param name="tree">
    /// Makes the verbs from their common part. A <see cref="CommandException"/> that it throws is reported like one of a verb.
    /// </param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args, Func<CommandLine, Command> tree)
    {
        StandardStreams.Fill();

        // Not disposed: a signal may come at any time, also while this method ends.
        var cancellation = new CancellationTokenSource();
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var signalled = 0;

        void End(PosixSignalContext context, int exitCode)
        {
            context.Cancel = true;
            if (Interlocked.CompareExchange(ref signalled, exitCode, 0) == 0)
                _ = Task.Delay(Grace).ContinueWith(_ => late.TrySetResult(), TaskScheduler.Default);
            cancellation.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, ExitCode.Interrupted));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, ExitCode.Terminated));
        using var terminal = Terminal.OfThisProcess();
        var command = Task.Run(() => CommandLine.RunAsync(args, terminal, tree, cancellation.Token));
        await Task.WhenAny(command, late.Task);
        return signalled != 0 ? signalled : await command;
    }
}
