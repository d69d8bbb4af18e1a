using System.CommandLine;
using Dmm.Daemon.Hosting;
using Dmm.Settings;

var config = new Option<string?>("--config") { Description = "Settings over the built-in reference.conf", HelpName = "FILE" };
var command = new RootCommand("dmmd: the daemon of DMM, which keeps the memory of virtual machines where it is needed") { config };
command.SetAction(async (parse, cancellation) =>
{
    try
    {
        var settings = DmmSettings.Load(parse.GetValue(config));
        using var state = StateDirectory.Hold(settings.StateDir);
        await using var app = DaemonApp.Build(settings);
        await app.RunAsync(cancellation);
        return Environment.ExitCode;
    }
    catch (SettingsException fault)
    {
        foreach (var line in fault.Faults)
            await Console.Error.WriteLineAsync($"dmmd: {line}");
        return 2;
    }
    catch (StartException fault)
    {
        await Console.Error.WriteLineAsync($"dmmd: {fault.Message}");
        return 1;
    }
    catch (IOException fault)
    {
        await Console.Error.WriteLineAsync($"dmmd: {fault.Message}");
        return 1;
    }
});
return await command.Parse(args).InvokeAsync();
