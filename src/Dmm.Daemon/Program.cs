using System.CommandLine;
using Dmm.Daemon.Clusters;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Dmm.Files;
using Dmm.Settings;

StandardStreams.Fill();
// Where standard output or error was closed, its number now belongs to another file, so nothing may be written to it.
if (!StandardStreams.HasOutput)
    Console.SetOut(TextWriter.Null);
if (!StandardStreams.HasError)
    Console.SetError(TextWriter.Null);

var config = new Option<string?>("--config") { Description = "Settings that override the built-in reference.conf", HelpName = "FILE" };
var command = new RootCommand("dmmd: the daemon of DMM, which keeps the memory of virtual machines where it is needed") { config };
command.SetAction((parse, cancellation) => Guard(async () =>
{
    var settings = DmmSettings.Load(parse.GetValue(config));
    using var state = StateDirectory.Hold(settings.StateDir);
    using var register = HostRegister.Enter(settings);
    await using var app = DaemonApp.Build(settings);
    foreach (var warning in register.Warnings)
        app.Logger.LogWarning("{Warning}", warning);
    // RunAsync disposes the app, so its services must be taken before.
    var (ending, stopping) = (app.Services.GetRequiredService<Ending>(), app.Lifetime.ApplicationStopping);
    try
    {
        await app.RunAsync(cancellation);
    }
    catch (OperationCanceledException) when (cancellation.IsCancellationRequested || stopping.IsCancellationRequested)
    {
        // The daemon was told to end before it had started.
    }

    return ending.ExitCode;
}));
command.Subcommands.Add(JournalCommand.Build(config, Guard));
command.Subcommands.Add(PkiCommand.Build(Guard));

// Argument files (@FILE) are off: a name that begins with @ would be a surprise.
var parsed = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (Usage.FaultsOf(parsed) is { Count: > 0 } faults)
{
    StartGuard.Say(Console.Error, faults);
    return ExitCodes.Usage;
}

// Longer than HostOptions.ShutdownTimeout (10 s): an orderly end has time enough, and one that hangs is aborted.
return await StartGuard.RunAsync(
    () => parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromSeconds(15),
    }),
    Console.Error);

static Task<int> Guard(Func<Task<int>> run) => StartGuard.RunAsync(run, Console.Error);
