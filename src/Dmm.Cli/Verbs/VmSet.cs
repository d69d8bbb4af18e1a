using System.CommandLine;
using Dmm.Commands;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

internal static class VmSet
{
    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        var min = Values.Size("--min", "The guarantee: never less than this");
        var max = Values.Size("--max", "Never more than this");
        var shares = Values.Whole("--shares", "Weight when memory is short");
        var restart = Values.Restart("Create it again after it has ended: never, on-failure or always");
        var command = new Command("set", "Change a VM's policy while it runs") { name, min, max, shares, restart };
        command.Validators.Add(result =>
        {
            if (result.GetResult(min) is null && result.GetResult(max) is null && result.GetResult(shares) is null
                && result.GetResult(restart) is null)
                result.AddError("nothing to set; give --min, --max, --shares or --restart");
        });
        return line.Verb(command, async (parsed, session, cancellation) =>
        {
            var request = new SetVmRequest(parsed.GetValue(min)?.Bytes, parsed.GetValue(max)?.Bytes, parsed.GetValue(shares))
            {
                Restart = Values.RestartName(parsed.GetValue(restart)),
            };
            Changes.Write(await session.Daemon.PatchAsync($"api/v1/vms/{parsed.GetRequiredValue(name)}", request, cancellation), session);
        });
    }
}
