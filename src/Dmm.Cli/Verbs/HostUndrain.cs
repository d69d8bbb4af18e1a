using System.CommandLine;
using Dmm.Commands;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>Takes the host back into service: the VMs that its drain ended return.</summary>
internal static class HostUndrain
{
    public static Command Build(CommandLine line) => line.Verb(
        new Command("undrain", "Take the host back into service: the VMs that its drain ended return"),
        async (_, session, cancellation) =>
            HostDrain.Write(await session.Daemon.PostAsync<HostDoneView>("api/v1/host/undrain", null, cancellation), session));
}
