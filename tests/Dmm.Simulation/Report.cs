using System.Text;

namespace Dmm.Simulation;

/// <summary>The text about a history that went wrong, for people.</summary>
public static class Report
{
    /// <summary>The command that runs the same history again.</summary>
    public static string Replay(SimulationDepth depth, SimulationPlan plan)
    {
        var text =
            new StringBuilder($"dmm lab simulate --depth {depth.ToString().ToLowerInvariant()} --seed {plan.Seed} --steps {plan.Steps}");
        if (plan.Vms is { } vms)
            text.Append($" --vms {vms}");
        if (plan.Drains)
            text.Append(" --drains");
        foreach (var fault in plan.Without.Order(StringComparer.Ordinal))
            text.Append($" --without {fault}");
        return text.ToString();
    }

    public static string Smallest(SimulationDepth depth, SimulationPlan plan, SimulationResult result) =>
        $"smallest found: step {result.Violation!.Step}: {result.Violation.What}{Environment.NewLine}  {Replay(depth, plan)} --print";

    /// <param name="lines">The history's last lines.</param>
    /// <param name="printed">Whether the lines were printed already.</param>
    public static string Of(
        SimulationDepth depth, SimulationPlan plan, SimulationResult result, IReadOnlyList<string> lines, bool printed = false)
    {
        var violation = result.Violation!;
        var text = new StringBuilder();
        if (!printed)
        {
            foreach (var line in lines)
                text.AppendLine(line);
        }

        text.AppendLine($"seed {plan.Seed}, step {violation.Step}: {violation.Rule}: {violation.What}");
        text.Append($"  {Replay(depth, plan with { Steps = violation.Step })} --print");
        return text.ToString();
    }
}
