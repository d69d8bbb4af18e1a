using Dmm.Fuzz.Targets;

namespace Dmm.Fuzz;

/// <summary>The targets, and what to tell of an input that broke a rule.</summary>
internal static class Fuzzing
{
    private static readonly Dictionary<string, Func<bool, Task<IFuzzTarget>>> Targets = new(StringComparer.Ordinal)
    {
        ["qmp"] = static _ => Task.FromResult<IFuzzTarget>(new QmpTarget()),
        ["agent"] = static _ => Task.FromResult<IFuzzTarget>(new AgentTarget()),
        ["http"] = static async jsonErrors => await HttpTarget.StartAsync(jsonErrors),
        ["hocon"] = static _ => Task.FromResult<IFuzzTarget>(FileTarget.Settings()),
        ["spec"] = static _ => Task.FromResult<IFuzzTarget>(FileTarget.Specs()),
    };

    public static IReadOnlyCollection<string> Names => Targets.Keys;

    /// <param name="jsonErrors">Whether errors of HTTP must have a body of JSON, whoever made them.</param>
    public static Func<Task<IFuzzTarget>> Maker(string name, bool jsonErrors = false) => () => Targets[name](jsonErrors);

    /// <summary>Makes a failing input smaller; the text tells it, and how to try it again.</summary>
    public static async Task<string> ExplainAsync(
        string name, Func<Task<IFuzzTarget>> make, FuzzPlan plan, FuzzFault fault, CancellationToken cancellation)
    {
        var lines = new List<string> { $"{name}: input {fault.Index} of seed {plan.Seed} {fault.What}" };
        if (fault.Index >= 0)
            lines.Add($"again: dmm-fuzz {name} --seed {plan.Seed} --at {fault.Index}");
        var smallest = fault.Hangs ? fault.Input : await SmallestAsync(make, fault, cancellation);
        lines.Add($"{fault.Input.Length} bytes, the smallest of this kind {smallest.Length}: dmm-fuzz {name} --input {Shown(smallest)}");
        return string.Join(Environment.NewLine, lines);
    }

    /// <summary>The smallest input found that still breaks a rule; it is tried in the same way.</summary>
    public static async Task<byte[]> SmallestAsync(Func<Task<IFuzzTarget>> make, FuzzFault fault, CancellationToken cancellation)
    {
        await using var target = await make();
        var live = fault.Index >= 0 && FuzzRun.IsLive(target, fault.Index);
        return await InputShrinking.ShrinkAsync(
            fault.Input, async smaller => (await FuzzRun.TryAsync(target, smaller, live)).What is not null, cancellation);
    }

    private static string Shown(byte[] input) => input.Length == 0 ? "''" : Convert.ToBase64String(input);
}
