using System.CommandLine;
using System.CommandLine.Parsing;
using Dmm.Commands;
using Dmm.Core;
using Dmm.Lab;

namespace Dmm.Simulation;

/// <summary><c>dmm lab simulate</c>: runs one history, and prints the findings.</summary>
internal static class SimulateCommand
{
    private const int KeptLines = 60;

    /// <summary>The most VMs at once. The memory of a history grows with them, and no host has as many.</summary>
    private const int MostVms = 1_000;

    public static Command Build()
    {
        var seed = new Option<ulong>("--seed")
        {
            Description = "The seed; the same seed gives the same history",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        var steps = new Option<long>("--steps")
        {
            Description = "The number of steps",
            HelpName = "M",
            DefaultValueFactory = _ => 100_000,
        };
        var depth = new Option<SimulationDepth>("--depth")
        {
            Description = "The pure core alone, or all actors of a host on virtual time",
            HelpName = "core|actors",
            DefaultValueFactory = _ => SimulationDepth.Core,
            CustomParser = DepthOf,
        };
        var vms = new Option<int?>("--vms")
        {
            Description = $"The most VMs at once, 1 to {MostVms} (default: the seed decides)",
            HelpName = "N",
        };
        var without = new Option<string[]>("--without")
        {
            Description = "Leave out a fault, by its name; may be given again",
            HelpName = "FAULT",
            DefaultValueFactory = _ => [],
        };
        var drains = new Option<bool>("--drains") { Description = "Let operators drain the host, too; only at the depth of the actors" };
        var print = new Option<bool>("--print") { Description = "Print the history, line by line" };
        steps.Validators.Add(option => Within(option, long.MaxValue));
        vms.Validators.Add(option => Within(option, MostVms));

        var command = new Command("simulate", "Run one history of faults, and check every promise after every step")
        {
            seed,
            steps,
            depth,
            vms,
            without,
            drains,
            print,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            parsed.GetValue(depth),
            new()
            {
                Seed = parsed.GetValue(seed),
                Steps = parsed.GetValue(steps),
                Vms = parsed.GetValue(vms),
                Without = new SortedSet<string>(parsed.GetValue(without) ?? [], StringComparer.Ordinal),
                Drains = parsed.GetValue(drains),
            },
            parsed.GetValue(print),
            parsed.InvocationConfiguration.Output,
            cancellation)));
        return command;
    }

    private static int Run(SimulationDepth depth, SimulationPlan plan, bool print, TextWriter output, CancellationToken cancellation)
    {
        if (plan.Drains && depth != SimulationDepth.Actors)
            throw CommandException.Usage("--drains is only for --depth actors");
        var known = Simulations.Of(depth).FaultNames;
        if (plan.Without.FirstOrDefault(fault => known.Count > 0 && !known.Contains(fault)) is { } unknown)
        {
            throw CommandException.Usage(
                $"--without is '{Echo.Of(unknown)}'; at depth {(depth == SimulationDepth.Core ? "core" : "actors")} there are "
                + string.Join(", ", known));
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var log = new HistoryLog(KeptLines, print ? output : null) { ReaderGone = stop.Cancel };
        var result = Simulations.Of(depth).Run(plan, log, stop.Token);
        log.ThrowIfReaderGone();
        if (result.Violation is not { } violation)
        {
            output.WriteLine($"seed {plan.Seed}: {result.Steps} steps, {result.Crashes} crashes, no violation");
            return cancellation.IsCancellationRequested ? LabCommand.Violated : 0;
        }

        output.WriteLine(Report.Of(depth, plan, result, log.Last, print));
        var (smallest, smallResult) = Shrinking.Shrink(() => Simulations.Of(depth), plan, result, cancellation);
        output.WriteLine(Report.Smallest(depth, smallest, smallResult));
        return LabCommand.Violated;
    }

    private static SimulationDepth DepthOf(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        if (Enum.TryParse<SimulationDepth>(text, ignoreCase: true, out var depth) && Enum.IsDefined(depth))
            return depth;
        argument.AddError($"--depth is '{Echo.Of(text)}'; it must be core or actors");
        return default;
    }

    private static void Within(OptionResult option, long most)
    {
        if (option.Tokens is [{ Value: var value }] && long.TryParse(value, out var number) && (number < 1 || number > most))
        {
            option.AddError(
                $"{option.Option.Name} is {number}; it must be {(most == long.MaxValue ? "at least 1" : $"from 1 to {most}")}");
        }
    }
}
