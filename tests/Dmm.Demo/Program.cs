using System.Runtime.InteropServices;
using Dmm.Demo;
using Dmm.Demo.Screens;
using Dmm.Testbed;
using Spectre.Console;

if (args is not ([] or ["--dmmd", _]))
{
    await Console.Error.WriteLineAsync($"demo: '{string.Join(' ', args)}' is not understood; it takes nothing, or --dmmd PATH");
    return 2;
}

using var interrupted = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, Interrupt);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Interrupt);
IScreen screen = Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive
    ? new PlainScreen(Console.Out)
    : new LiveScreen(AnsiConsole.Console);
if (Console.IsOutputRedirected)
{
    // A log or a pipe has no width of its own, and the tables at the end need space.
    AnsiConsole.Profile.Width = 140;
}

try
{
    return await new DemoRun(screen, args is [_, var program] ? program : null).RunAsync(interrupted.Token) ? 0 : 1;
}
catch (Exception) when (interrupted.IsCancellationRequested)
{
    // The error is a consequence of the terminal's Ctrl-C, which reached the daemon as well.
    await Console.Error.WriteLineAsync("demo: interrupted; the daemon and all guests are ended");
    return 130;
}
catch (TestbedException e)
{
    await Console.Error.WriteLineAsync($"demo: {e.Message}");
    return 1;
}

void Interrupt(PosixSignalContext context)
{
    // The signal must not end this process before it has ended its guests.
    context.Cancel = true;
    interrupted.Cancel();
}
