using System.Runtime.InteropServices;
using Dmm.Cli;
using Dmm.Cli.Output;
using Dmm.Files;

StandardStreams.Fill();

// Long enough to end in good order; what hangs in the kernel (a pipe without a reader, a dead network disk) is left behind then.
var grace = TimeSpan.FromSeconds(5);

// Never disposed of: a signal may come at any time, also while this ends.
var cancellation = new CancellationTokenSource();
var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
var signalled = 0;

void End(PosixSignalContext context, int exitCode)
{
    context.Cancel = true;
    if (Interlocked.CompareExchange(ref signalled, exitCode, 0) == 0)
        _ = Task.Delay(grace).ContinueWith(_ => late.TrySetResult(), TaskScheduler.Default);
    cancellation.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, ExitCode.Interrupted));
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, ExitCode.Terminated));
using var terminal = Terminal.OfThisProcess();
var command = Task.Run(() => CommandLine.RunAsync(args, terminal, cancellation.Token));
await Task.WhenAny(command, late.Task);
return signalled != 0 ? signalled : await command;
