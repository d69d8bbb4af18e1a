using System.CommandLine;
using System.CommandLine.Help;
using Dmm.Commands;
using Dmm.Lab.Traces;
using Dmm.Lab.Density;
using Dmm.Lab.Replay;

namespace Dmm.Lab;

/// <summary>
/// <c>dmm lab</c>: the workbench on which DMM's law is compared with others. Needs no daemon, but for <c>record</c>.
/// </summary>
public static class LabCommand
{
    /// <summary>Exit code of a history in which something was found that must not be, and of what failed.</summary>
    public const int Violated = 1;

    /// <summary>Exit code of a command that was used wrongly.</summary>
    public const int Misused = 2;

    /// <summary>As <c>dmm</c> passes its arguments on, <c>lab</c> included.</summary>
    public static Command Tree(CommandLine line) => Below(
        "The workbench: DMM's law against others; needs no daemon. The simulations that try DMM's soundness come with its sources (make "
            + "simulate).",
        ReplayCommand.Build(), DensityCommand.Build(), Scenarios.RunCommand.Build(), RecordCommand.Build(line));

    /// <summary>Verbs below <c>dmm lab</c>.</summary>
    public static Command Below(string description, params Command[] verbs)
    {
        var lab = new Command("lab", description);
        foreach (var verb in verbs)
            lab.Subcommands.Add(verb);
        var root = new Command("dmm") { lab };
        root.Options.Add(new HelpOption());
        return root;
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
