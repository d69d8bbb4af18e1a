using System.CommandLine;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

internal static class VmStop
{
    /// <summary>Beyond the guest's grace: what the hypervisor may need to end the process and give its memory back.</summary>
    private static readonly TimeSpan Beyond = TimeSpan.FromMinutes(1);

    /// <summary>The longest grace that the daemon has by itself (<c>dmm.vm.stop-grace</c>).</summary>
    private static readonly TimeSpan LongestOwn = TimeSpan.FromHours(1);

    public static Command Build(CommandLine line)
    {
        var name = Values.VmName();
        var grace = Values.Duration("--grace", "How long the guest may take to power down; 0s ends it at once");
        return line.Verb(new Command("stop", "End a VM") { name, grace }, async (parsed, session, cancellation) =>
        {
            var within = parsed.GetValue(grace);
            var request = new StopVmRequest(within?.TotalSeconds);
            Changes.Write(
                await session.Daemon.PostAsync(
                    $"api/v1/vms/{parsed.GetRequiredValue(name)}/stop", request, cancellation, (within ?? LongestOwn) + Beyond),
                session);
        });
    }
}
