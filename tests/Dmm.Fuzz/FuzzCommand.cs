using System.CommandLine;
using System.Text.Json;

namespace Dmm.Fuzz;

/// <summary><c>dmm-fuzz</c>: tries DMM's edges with many inputs, or with one.</summary>
internal static class FuzzCommand
{
    private const string All = "all";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static RootCommand Build()
    {
        var target = new Argument<string>("target") { Description = $"What to try: {string.Join(", ", Fuzzing.Names)} or {All}" };
        target.AcceptOnlyFromAmong([.. Fuzzing.Names, All]);
        var seed = new Option<ulong>("--seed")
        {
            Description = "The same seed gives the same inputs",
            HelpName = "S",
            DefaultValueFactory = _ => 1,
        };
        var inputs = new Option<long>("--inputs")
        {
            Description = "The number of inputs",
            HelpName = "N",
            DefaultValueFactory = _ => 1_000_000,
        };
        var at = new Option<long?>("--at") { Description = "Try only the input of this number", HelpName = "I" };
        var input = new Option<string?>("--input") { Description = "Try only this input, in base64", HelpName = "BASE64" };
        var jsonErrors = new Option<bool>("--json-errors") { Description = "Of http: each error must have a body of JSON" };
        var report = new Option<string?>("--report") { Description = "Write the results to this file, as JSON", HelpName = "FILE" };
        inputs.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var value }] && long.TryParse(value, out var number) && number < 1)
                result.AddError($"--inputs is {number}; it must be at least 1");
        });
        var command = new RootCommand("Try DMM's edges with inputs that nobody would write")
        {
            target, seed, inputs, at, input, jsonErrors, report,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var (name, plan) = (parsed.GetValue(target)!, new FuzzPlan { Seed = parsed.GetValue(seed), Inputs = parsed.GetValue(inputs) });
            var names = name == All ? Fuzzing.Names : [name];
            var output = parsed.InvocationConfiguration.Output;
            var strict = parsed.GetValue(jsonErrors);
            return parsed.GetValue(input) is { } one ? await OneAsync(names, Convert.FromBase64String(one), strict, output)
                : parsed.GetValue(at) is { } index ? await AtAsync(names, plan, index, strict, output)
                : await ManyAsync(names, plan, strict, parsed.GetValue(report), output, cancellation);
        });
        return command;
    }

    private static async Task<int> ManyAsync(
        IEnumerable<string> names, FuzzPlan plan, bool jsonErrors, string? report, TextWriter output, CancellationToken cancellation)
    {
        var results = new List<FuzzResult>();
        foreach (var name in names)
        {
            var make = Fuzzing.Maker(name, jsonErrors);
            var (result, fault) = await new FuzzRun(name, make, plan).RunAsync(cancellation);
            results.Add(result);
            await output.WriteLineAsync(
                $"{name}: {result.Inputs} inputs from seed {plan.Seed} ({result.InputBytes >> 20} MiB) in {result.Seconds} s, "
                + $"{result.Faults} faults; at most {result.MostAllocatedBytes} bytes allocated for one, "
                + $"heap +{result.HeapGrowthBytes >> 20} MiB, peak {result.PeakBytes >> 20} MiB");
            if (fault is not null)
                await output.WriteLineAsync(await Fuzzing.ExplainAsync(name, make, plan, fault, cancellation));
        }

        if (report is not null)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(report))!);
            await File.WriteAllTextAsync(report, JsonSerializer.Serialize(results, Json) + "\n", CancellationToken.None);
        }

        return results.TrueForAll(r => r.Faults == 0) && !cancellation.IsCancellationRequested ? 0 : 1;
    }

    private static async Task<int> AtAsync(IEnumerable<string> names, FuzzPlan plan, long index, bool jsonErrors, TextWriter output)
    {
        foreach (var name in names)
        {
            byte[] input;
            await using (var target = await Fuzzing.Maker(name, jsonErrors)())
                input = target.Make(plan.RandomOf(index));
            await output.WriteLineAsync($"{name}: input {index} of seed {plan.Seed} is {Convert.ToBase64String(input)}");
            if (await OneAsync([name], input, jsonErrors, output) is not 0 and var failed)
                return failed;
        }

        return 0;
    }

    private static async Task<int> OneAsync(IEnumerable<string> names, byte[] input, bool jsonErrors, TextWriter output)
    {
        var code = 0;
        foreach (var name in names)
        {
            await using var target = await Fuzzing.Maker(name, jsonErrors)();
            var (what, _) = await FuzzRun.TryAsync(target, input, target.LiveEvery > 0);
            await output.WriteLineAsync($"{name}: {what ?? "no fault"}");
            code = what is null ? code : 1;
        }

        return code;
    }
}
