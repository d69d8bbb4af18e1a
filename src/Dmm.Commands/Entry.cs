using System.CommandLine;
using System.Runtime.InteropServices;
using Dmm.Commands.Output;
using Dmm.Files;

namespace Dmm.Commands;

/// <summary>How each of DMM's commands begins and ends: standard streams, signals, exit code.</summary>
public static class Entry
{
    /// <summary>
    /// Long enough to end in good order; what hangs in the kernel (a pipe without a reader, a dead network disk) is left behind then.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <param name="tree">
    /// The verbs, made with what they have in common; what it throws as a <see cref="CommandException"/> is told as theirs.
    /// </param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args, Func<CommandLine, Command> tree)
    {
        StandardStreams.Fill();

        // Never disposed of: a signal may come at any time, also while this ends.
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
