using System.CommandLine;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Density;

/// <summary><c>dmm lab density</c>: the number of VMs that a host holds under each law.</summary>
internal static class DensityCommand
{
    private const int MostOrders = 10_000;

    public static Command Build()
    {
        var traces = new TraceOptions();
        var shortfall = new Option<double>("--shortfall")
        {
            Description = "The bound: Σ shortfall ÷ Σ need",
            HelpName = "RATIO",
            DefaultValueFactory = _ => 0.001,
        };
        var orders = new Option<int>("--orders")
        {
            Description = "Random orders in which VMs join",
            HelpName = "N",
            DefaultValueFactory = _ => 20,
        };
        shortfall.Validators.Add(result => Within(TraceOptions.NumberOf(result) is null or (>= 0 and <= 1), result, "from 0 to 1"));
        orders.Validators.Add(
            result => Within(TraceOptions.NumberOf(result) is null or (>= 1 and <= MostOrders), result, $"from 1 to {MostOrders}"));
        var command = new Command("density", "Find how many recorded VMs one host holds under each law");
        traces.AddTo(command);
        command.Options.Add(shortfall);
        command.Options.Add(orders);
        command.SetAction((parsed, cancellation) => LabCommand.Guard(parsed, screen =>
        {
            var laws = traces.Laws(parsed);
            var (bound, count, seed) = (parsed.GetValue(shortfall), parsed.GetValue(orders), traces.Seed(parsed));
            var set = traces.Read(parsed, screen, cancellation);
            var host = new TraceHost(set.Vms, traces.Host(parsed));
            var memory = parsed.GetValue(traces.HostMemory)!.Value.Of(host.SumOfMax);
            var done = 0;
            var run = new DensityRun(host, memory, bound, count, traces.Delays(parsed), seed, cancellation)
            {
                Found = (law, order, vms) => screen.Progress(
                    $"{Interlocked.Increment(ref done)} of {laws.Count * count}: {law} holds {vms} VMs in order {order}"),
            };
            var figures = run.Run(laws, cancellation);
            screen.Write(
                $"VMs on a host of {memory} within {bound:0.###%} shortfall, of {host.Vms.Count} VMs with {host.SumOfMax} in "
                    + $"all; {count} orders");
            screen.Table(
                ["law", "VMs", "±", "least", "most", "of oracle", "replays", "seconds"],
                figures.Select(f => (IReadOnlyList<string>)
                [
                    f.Law, $"{f.Mean:0.0}", $"{f.Deviation:0.0}", $"{f.Least}", $"{f.Most}", f.OfOracle is { } part ? $"{part:0 %}" : "",
                    $"{f.Replays}", $"{f.Seconds:0.0}",
                ]));
            screen.Json(traces.Json(parsed), new DensityReport(memory.Bytes, host.Vms.Count, bound, count, seed, figures));
        }));
        return command;
    }

    private static void Within(bool ok, System.CommandLine.Parsing.OptionResult result, string range)
    {
        if (!ok)
            result.AddError($"{result.Option.Name} is '{string.Join(' ', result.Tokens)}'; it must be {range}");
    }
}
