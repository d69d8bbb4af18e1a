using System.Runtime.InteropServices;
using Dmm.Cli;
using Dmm.Cli.Output;

using var cancellation = new CancellationTokenSource();
var signalled = 0;

void End(PosixSignalContext context, int exitCode)
{
    context.Cancel = true;
    Interlocked.CompareExchange(ref signalled, exitCode, 0);
    cancellation.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, ExitCode.Interrupted));
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, ExitCode.Terminated));
using var terminal = Terminal.OfThisProcess();
var exitCode = await CommandLine.RunAsync(args, terminal, cancellation.Token);
return signalled != 0 ? signalled : exitCode;
