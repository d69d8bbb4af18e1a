using System.CommandLine;
using System.Text.Json;
using Dmm.Lab;

namespace Dmm.Simulation;

/// <summary><c>dmm lab campaign</c>: many histories at both depths, and their sum as JSON.</summary>
internal static class CampaignCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Build()
    {
        var first = new Option<ulong>("--first-seed")
        {
            Description = "The seed of the first history; each further history has the next seed",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        var core = Steps("--core-steps", "Steps of the pure core, all histories together", 10_000_000);
        var actors = Steps("--actor-steps", "Steps of the whole actor system, all histories together", 1_000_000);
        var report = new Option<string?>("--report") { Description = "Write the summary to this file, as JSON", HelpName = "FILE" };
        var command = new Command("campaign", "Run many histories at both depths") { first, core, actors, report };
        command.SetAction(async (parsed, cancellation) =>
        {
            var violated = 0;
            var misused = await LabCommand.Guard(parsed, screen => violated = Run(
                new() { FirstSeed = parsed.GetValue(first), CoreSteps = parsed.GetValue(core), ActorSteps = parsed.GetValue(actors) },
                parsed.GetValue(report),
                screen,
                cancellation));
            return misused != 0 ? misused : violated;
        });
        return command;
    }

    private static int Run(CampaignPlan plan, string? report, LabScreen screen, CancellationToken cancellation)
    {
        var result = Campaign.Run(plan, screen.Write, cancellation);

        // The result took hours, so it goes to the screen first: the file may not be writable.
        screen.Write(
            $"{result.Seeds} histories from seed {plan.FirstSeed}: {result.Steps} steps of the core, {result.ActorSteps} of the actors, "
            + $"{result.Crashes} crashes, {result.Violations} violations in {result.Seconds} s");
        if (report is not null)
            LabScreen.Save(report, path => File.WriteAllText(path, JsonSerializer.Serialize(result, Json) + "\n"));
        return result.Violations == 0 && !cancellation.IsCancellationRequested ? 0 : LabCommand.Violated;
    }

    private static Option<long> Steps(string name, string description, long standard)
    {
        var option = new Option<long>(name) { Description = description, HelpName = "M", DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var value }] && long.TryParse(value, out var number) && number < 0)
                result.AddError($"{name} is {number}; it must not be negative");
        });
        return option;
    }
}
