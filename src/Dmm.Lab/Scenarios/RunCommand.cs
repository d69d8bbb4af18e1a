using System.CommandLine;
using System.Diagnostics;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Scenarios;

/// <summary><c>dmm lab run</c>: plays a scenario under each law.</summary>
internal static class RunCommand
{
    public static Command Build()
    {
        var file = new Argument<string>("SCENARIO") { Description = "A scenario's file (docs/use/lab.md)" };
        var laws = new Option<string>("--laws")
        {
            Description = "Laws, separated by commas; all",
            HelpName = "A,B",
            DefaultValueFactory = _ => "all",
        };
        var seed = new Option<ulong>("--seed") { Description = "Seed of all random numbers", HelpName = "N", DefaultValueFactory = _ => 1 };
        var delays = new Option<string?>("--delays") { Description = "JSON of the mechanisms' measured delays", HelpName = "FILE" };
        var json = new Option<string?>("--json") { Description = "Write the figures as JSON; - is standard output", HelpName = "FILE" };
        var command = new Command("run", "Play a hand-made scenario under each law") { file, laws, seed, delays, json };
        command.SetAction((parsed, cancellation) => LabCommand.Guard(parsed, screen =>
        {
            var scenario = Scenario.Read(parsed.GetValue(file)!);
            var mechanisms = parsed.GetValue(delays) is { } given ? MechanismDelays.Read(given) : new();
            // The oracle is left out: it is computed only for VMs that are present all the time, as in traces.
            var figures = LabLaw.Parse(parsed.GetValue(laws)!).Where(law => law != LabLaw.Oracle)
                .Select(law => Play(LabLaw.Of(law), scenario, mechanisms, parsed.GetValue(seed), cancellation)).ToList();
            screen.Write($"{scenario.Vms.Count} VMs on a host of {scenario.HostMemory}, {scenario.Length}");
            ReplayCommand.Show(screen, figures);
            screen.Json(
                parsed.GetValue(json),
                new
                {
                    hostMemoryBytes = scenario.HostMemory.Bytes,
                    vms = scenario.Vms.Count,
                    seconds = scenario.Length.TotalSeconds,
                    seed = parsed.GetValue(seed),
                    laws = figures,
                });
        }));
        return command;
    }

    private static ReplayFigures Play(LabLaw law, Scenario scenario, MechanismDelays delays, ulong seed, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var made = law.Create();
        var engine = new ReplayEngine(scenario.HostMemory.Bytes, scenario.Vms, made, delays, scenario.End, seed);
        engine.GoesOn = () =>
        {
            cancellation.ThrowIfCancellationRequested();
            return true;
        };
        engine.Run();
        return engine.Figures(law.Name, scenario.Vms.Count, clock.Elapsed.TotalSeconds);
    }
}
