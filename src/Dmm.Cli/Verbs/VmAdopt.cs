using System.CommandLine;
using Dmm.Commands;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

internal static class VmAdopt
{
    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        var qmp = Values.FilePath("--qmp", "Its QMP socket");
        var min = Values.Size("--min", "The guarantee: never less than this");
        var max = Values.Size("--max", "Never more than this");
        var shares = Values.Whole("--shares", "Weight when memory is short");
        qmp.Required = min.Required = max.Required = true;
        qmp.HelpName = "SOCKET";
        return line.Verb(
            new Command("adopt", "Manage a VM that someone else started") { name, qmp, min, max, shares },
            async (parsed, session, cancellation) =>
            {
                var request = new AdoptVmRequest(
                    parsed.GetRequiredValue(qmp)!,
                    parsed.GetRequiredValue(min)!.Value.Bytes,
                    parsed.GetRequiredValue(max)!.Value.Bytes,
                    parsed.GetValue(shares));
                var done = await session.Daemon.PostAsync($"api/v1/vms/{parsed.GetRequiredValue(name)}/adopt", request, cancellation);
                Changes.Write(done, session);
            });
    }
}
