using System.CommandLine;
using System.CommandLine.Help;
using Dmm.Commands;
using Dmm.Lab.Density;
using Dmm.Lab.Replay;
using Dmm.Lab.Traces;

namespace Dmm.Lab;

/// <summary><c>dmm lab</c>: the workbench that compares DMM's law with others. Only <c>record</c> needs a daemon.</summary>
public static class LabCommand
{
    /// <summary>The exit code where a violation was found, or where the work failed.</summary>
    public const int Violated = 1;

    /// <summary>The exit code where the command was used wrongly.</summary>
    public const int Misused = 2;

    /// <summary>The tree of verbs, <c>lab</c> included, because <c>dmm</c> passes all of its arguments on.</summary>
    public static Command Tree(CommandLine line) => Below(
        "Compare DMM's law with others; only record needs a daemon. The simulations of faults come with DMM's sources (make simulate).",
        ReplayCommand.Build(), DensityCommand.Build(), Scenarios.RunCommand.Build(), RecordCommand.Build(line));

    /// <summary>Puts verbs below <c>dmm lab</c>.</summary>
    public static Command Below(string description, params Command[] verbs)
    {
        var lab = new Command("lab", description);
        foreach (var verb in verbs)
            lab.Subcommands.Add(verb);
        var root = new Command("dmm") { lab };
        root.Options.Add(new HelpOption());
        return root;
    }

    /// <summary>Runs a verb's work on another thread. A <see cref="LabException"/> becomes one line on standard error.</summary>
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
