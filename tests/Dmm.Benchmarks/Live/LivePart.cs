using System.CommandLine;
using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Houses;
using Dmm.Core;

namespace Dmm.Benchmarks.Live;

/// <summary>
/// Compares DMM with its peers on the same real guests, in one run: how soon a burst has its memory, how fast a load runs that moves from
/// guest to guest, and how long guests stall.
/// </summary>
internal static class LivePart
{
    public static Command Build(Option<string> output)
    {
        var runs = new Option<int>("--runs") { Description = "Runs of each law", DefaultValueFactory = _ => 5 };
        var phase = new Option<double>("--phase")
        {
            Description = "Seconds for which a guest has the load",
            DefaultValueFactory = _ => LiveSettings.Usual.Phase.TotalSeconds,
        };
        var seed = new Option<ulong>("--seed") { Description = "The seed of the order of laws and guests", DefaultValueFactory = _ => 1 };
        var laws = new Option<string>("--laws")
        {
            Description = "Laws, separated by commas",
            DefaultValueFactory = _ => string.Join(',', Rival.All.Select(r => r.Name)),
        };
        runs.Validators.Add(result => Within(result.GetValueOrDefault<int>() is >= 1 and <= 100, result, "from 1 to 100"));
        phase.Validators.Add(result => Within(result.GetValueOrDefault<double>() is >= 2 and <= 600, result, "from 2 to 600"));
        laws.Validators.Add(result => Within(
            result.GetValueOrDefault<string>()!.Split(',').All(name => Rival.All.Any(r => r.Name == name)), result,
            $"of {string.Join(',', Rival.All.Select(r => r.Name))}"));
        var command = new Command("live", "DMM against its peers on real guests: reaction, a load that moves, stall")
        {
            runs,
            phase,
            seed,
            laws,
            output,
        };
        command.SetAction((parsed, cancellation) => PartRun.GuardAsync(
            "live",
            say => RunAsync(
                [.. Rival.All.Where(r => parsed.GetValue(laws)!.Split(',').Contains(r.Name))], parsed.GetValue(runs),
                LiveSettings.Usual with { Phase = TimeSpan.FromSeconds(parsed.GetValue(phase)) }, parsed.GetValue(seed),
                parsed.GetValue(output)!, say, cancellation),
            cancellation));
        return command;
    }

    private static async Task RunAsync(
        IReadOnlyList<Rival> rivals, int rounds, LiveSettings settings, ulong seed, string output, Say say, CancellationToken cancellation)
    {
        var machine = await QemuMachine.LookAsync(cancellation);
        var raw = await new RawBursts(settings, say, cancellation).RunAsync(rounds);
        say.Line($"boots three guests of {settings.Boot} and three of {settings.Max}");
        await using var small = new BenchHouse(cancellation);
        await small.MoveInAsync(settings.Plans(settings.Boot), [], settings.Start);
        await using var large = new BenchHouse(cancellation);
        await large.MoveInAsync(settings.Plans(settings.Max), [], settings.Start);
        List<LiveRun> runs = [];
        foreach (var (i, (round, rival)) in RunOrder.Of(rivals, rounds, seed).Index())
        {
            var run = await PlayAsync(rival.BootsWithMax ? large : small, rival, round, settings, seed + (ulong)round, cancellation);
            runs.Add(run);
            var bursts = string.Join(", ", run.Phases.Select(p => p.FirstMs is { } ms ? FormattableString.Invariant($"{ms:0}") : "never"));
            say.Line(
                $"{i + 1,2} of {rivals.Count * rounds}: {rival.Name,-9} round {round}: {run.OperationsPerSecond,6:0} operations/s, "
                    + $"first memory after {bursts} ms, stalled {run.StallSomeMs / 1000:0.0} s (load {run.LoadAverage:0.0})");
        }

        var report = LiveReport.Of(machine, seed, settings, raw, runs);
        var file = ReportFile.Write(output, "live.json", report);
        foreach (var law in report.Laws)
            say.Line(
                $"{law.Law,-9} {law.OperationsPerSecond.Text("operations/s")}, {law.OfUnlimited:0 %} of unlimited; first "
                    + $"memory {law.FirstFullMs.Text("ms")}, all {law.AllFullMs.Text("ms")}; stall {law.StallSomeSeconds.Text("s")}");
        var plot = Path.Combine(output, "live.png");
        LivePlot.Save(report, plot);
        say.Line($"{file}, {plot}, {LiveTable.Of(report).Write(output, "live.md")}");
    }

    private static async Task<LiveRun> PlayAsync(
        BenchHouse house, Rival rival, int round, LiveSettings settings, ulong seed, CancellationToken cancellation)
    {
        var load = Machine.LoadNow();
        await house.BeginAsync(
            rival.Policy, rival.Unlimited ? new(settings.Max.Bytes * house.Guests.Count) : settings.Guests, settings.Start, rival.EqualParts
            ? settings.EqualPart : null);
        foreach (var guest in house.Guests)
            await guest.Load.HoldAsync(settings.Idle, null, cancellation);
        // The delay is random, so that the load meets laws that look every ten seconds at any moment between two looks.
        await Task.Delay(1500 + new SeededRandom(seed).Below(2000), cancellation);
        var phases = await new MovingLoad(house.Guests, settings, cancellation).RunAsync(settings.Phases(seed));
        var guests = await house.EndAsync(settings.Start);
        return new(rival.Name, round, Math.Round(guests.Mebibytes, 1), load, phases);
    }

    private static void Within(bool ok, System.CommandLine.Parsing.OptionResult result, string range)
    {
        if (!ok)
            result.AddError($"{result.Option.Name} is '{string.Join(' ', result.Tokens)}'; it must be {range}");
    }
}
