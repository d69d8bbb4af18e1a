using System.CommandLine;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Dmm.Files;
using Dmm.Settings;

StandardStreams.Fill();
// Under their numbers stand files of the runtime's own, where they were closed.
if (!StandardStreams.HasOutput)
    Console.SetOut(TextWriter.Null);
if (!StandardStreams.HasError)
    Console.SetError(TextWriter.Null);

var config = new Option<string?>("--config") { Description = "Settings over the built-in reference.conf", HelpName = "FILE" };
var command = new RootCommand("dmmd: the daemon of DMM, which keeps the memory of virtual machines where it is needed") { config };
command.SetAction((parse, cancellation) => Guard(async () =>
{
    var settings = DmmSettings.Load(parse.GetValue(config));
    using var state = StateDirectory.Hold(settings.StateDir);
    await using var app = DaemonApp.Build(settings);
    // Whoever runs an app also takes it down: it can't be asked afterwards.
    var (ending, stopping) = (app.Services.GetRequiredService<Ending>(), app.Lifetime.ApplicationStopping);
    try
    {
        await app.RunAsync(cancellation);
    }
    catch (OperationCanceledException) when (cancellation.IsCancellationRequested || stopping.IsCancellationRequested)
    {
        // Told to end before it had started.
    }

    return ending.ExitCode;
}));
command.Subcommands.Add(JournalCommand.Build(config, Guard));

// Files of arguments (@FILE) are more surprise than help here.
var parsed = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (Usage.FaultsOf(parsed) is { Count: > 0 } faults)
{
    StartGuard.Say(Console.Error, faults);
    return ExitCodes.Usage;
}

// Beyond HostOptions.ShutdownTimeout: an orderly end has its time, one that hangs is broken off.
return await StartGuard.RunAsync(
    () => parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromSeconds(15),
    }),
    Console.Error);

static Task<int> Guard(Func<Task<int>> run) => StartGuard.RunAsync(run, Console.Error);
