using System.CommandLine;
using Dmm.Lab.Density;
using Dmm.Lab.Replay;

namespace Dmm.Lab;

/// <summary>
/// <c>dmm lab</c>: the workbench on which DMM's own soundness is tried, and its law compared with others. Needs no daemon.
/// </summary>
public static class LabCommand
{
    /// <summary>Exit code of a history in which something was found that must not be, and of what failed.</summary>
    public const int Violated = 1;

    /// <summary>Exit code of a command that was used wrongly.</summary>
    public const int Misused = 2;

    public static Command Build()
    {
        var lab = new Command("lab", "The workbench: DMM's soundness, and its law against others; needs no daemon");
        lab.Subcommands.Add(SimulateCommand.Build());
        lab.Subcommands.Add(CampaignCommand.Build());
        lab.Subcommands.Add(ReplayCommand.Build());
        lab.Subcommands.Add(DensityCommand.Build());
        lab.Subcommands.Add(Scenarios.RunCommand.Build());
        return lab;
    }

    /// <summary>Runs a verb's work on a thread of its own; what it finds wrong is one line on standard error.</summary>
    internal static Task<int> Guard(ParseResult parsed, Action<LabScreen> work)
    {
        var screen = new LabScreen(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
        return Task.Run(() =>
        {
            try
            {
                work(screen);
                return 0;
            }
            catch (LabException e)
            {
                screen.Complain(e.Message);
                return e.Failed ? Violated : Misused;
            }
        });
    }
}
