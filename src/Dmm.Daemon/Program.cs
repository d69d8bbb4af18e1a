using System.CommandLine;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Dmm.Settings;

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
return await command.Parse(args).InvokeAsync();

// Whatever stops the daemon from starting is told in a line, or in a line each.
static async Task<int> Guard(Func<Task<int>> run)
{
    try
    {
        return await run();
    }
    catch (SettingsException fault)
    {
        foreach (var line in fault.Faults)
            await Console.Error.WriteLineAsync($"dmmd: {line}");
        return ExitCodes.Usage;
    }
    catch (StartException fault)
    {
        await Console.Error.WriteLineAsync($"dmmd: {fault.Message}");
        return fault.ExitCode;
    }
    catch (IOException fault)
    {
        await Console.Error.WriteLineAsync($"dmmd: {fault.Message}");
        return ExitCodes.Failed;
    }
}
