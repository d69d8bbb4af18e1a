using System.CommandLine;
using Dmm.Commands;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

internal static class VmResize
{
    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        var size = Values.SizeOrAuto("SIZE", "The VM's size from now on, within min and max; auto: DMM decides again");
        return line.Verb(new Command("resize", "Set a VM's size by hand") { name, size }, async (parsed, session, cancellation) =>
        {
            var request = new ResizeVmRequest(parsed.GetValue(size).Size?.Bytes);
            var done = await session.Daemon.PostAsync($"api/v1/vms/{parsed.GetRequiredValue(name)}/resize", request, cancellation);
            Changes.Write(done, session);
        });
    }
}
