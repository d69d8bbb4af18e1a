using System.CommandLine;
using Dmm.Commands;

namespace Dmm.Cli.Verbs;

internal static class VmForget
{
    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        return line.Verb(new Command("forget", "Forget a VM and leave it running") { name }, async (parsed, session, cancellation) =>
        {
            var done = await session.Daemon.PostAsync($"api/v1/vms/{parsed.GetRequiredValue(name)}/forget", null, cancellation);
            Changes.Write(done, session);
        });
    }
}
