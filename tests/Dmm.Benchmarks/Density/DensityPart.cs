using System.CommandLine;
using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Houses;
using Dmm.Core;
using Dmm.Lab.Density;

namespace Dmm.Benchmarks.Density;

/// <summary>
/// Measures how many VMs each law fits into the same memory before their work slows down, on real guests and, for the same load, in the
/// lab.
/// </summary>
internal static class DensityPart
{
    private const int MostVms = 16;
    private const double Enough = 0.95;
    private const double LabShortfall = 0.001;

    private static readonly MemorySize Memory = MemorySize.FromMiB(1792);

    public static Command Build(Option<string> output)
    {
        var most = new Option<int>("--most") { Description = "VMs at most", DefaultValueFactory = _ => MostVms };
        var laws = new Option<string>("--laws")
        {
            Description = "Laws, separated by commas",
            DefaultValueFactory = _ => "static,dmm,mom,proxmox,squeezed",
        };
        var delays =
            new Option<string?>("--delays") { Description = "Measured delays for the lab's answer (delays.json of part mechanisms)" };
        most.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 4 or > 40)
                result.AddError("--most must be from 4 to 40");
        });
        laws.Validators.Add(result =>
        {
            if (!result.GetValueOrDefault<string>()!.Split(',').All(name => Rival.All.Any(r => r.Name == name && !r.Unlimited)))
                result.AddError("--laws are some of dmm, static, mom, proxmox, squeezed, separated by commas");
        });
        var command = new Command("density", "How many VMs a memory budget holds under each law, on real guests and in the lab")
        {
            most,
            laws,
            delays,
            output,
        };
        command.SetAction((parsed, cancellation) => PartRun.GuardAsync(
            "density",
            say => RunAsync(
                parsed.GetValue(laws)!.Split(','), parsed.GetValue(most), parsed.GetValue(delays), parsed.GetValue(output)!, say,
                cancellation),
            cancellation));
        return command;
    }

    private static async Task RunAsync(
        IReadOnlyList<string> names, int most, string? delays, string output, Say say, CancellationToken cancellation)
    {
        var (machine, load) = (await QemuMachine.LookAsync(cancellation), DensityLoad.Usual);
        var byMax = load.Fixed(Memory);
        say.Line($"{Memory} for guests; with fixed memory {byMax} VMs fit");
        var lab = await LabAnswer.AskAsync(
            load, 24, Memory, string.Join(',', names.Append("oracle")), LabShortfall, Path.Combine(output, "density-traces"), delays,
            cancellation);
        foreach (var law in lab.Laws)
            say.Line($"the lab: {law.Law} holds {law.Mean:0.0} VMs");
        var alone = await AloneAsync(load, byMax, say, cancellation);
        List<LawDensity> laws = [];
        foreach (var name in names)
            laws.Add(await OneAsync(Rival.All.First(r => r.Name == name), load, byMax, most, alone.Served, say, cancellation));
        var report = new DensityBenchReport(machine, Memory.Bytes, Enough, load, byMax, alone, laws, lab);
        var file = ReportFile.Write(output, "density.json", report);
        foreach (var law in laws)
            say.Line(
                $"{law.Law,-9} holds {law.Holds} VMs, {law.OfStatic:0.0} times static; in the "
                    + $"lab {lab.Laws.First(l => l.Law == law.Law).Mean:0.0}, of the "
                    + $"oracle's {lab.Laws.First(l => l.Law == "oracle").Mean:0.0}");
        var plot = Path.Combine(output, "density.png");
        DensityPlot.Save(report, plot);
        say.Line($"{file}, {plot}, {TableOf(report).Write(output, "density.md")}");
    }

    private static MarkdownTable TableOf(DensityBenchReport report)
    {
        var table = new MarkdownTable(
            "law", "VMs on real guests", "of static", "the last that fitted: of alone", "the first that did not: of alone",
            "VMs in the lab", "of the oracle");
        foreach (var law in report.Lab.Laws)
        {
            var real = report.Laws.FirstOrDefault(l => l.Law == law.Law);
            table.Add(
                $"`{law.Law}`", real is null ? "" : MarkdownTable.Number(real.Holds), real is null ? "" : MarkdownTable.One(real.OfStatic),
                Served(real?.Trials.FirstOrDefault(t => t.Vms == real.Holds)),
                Served(real?.Trials.Where(t => t.Vms > real.Holds).MinBy(t => t.Vms)), MarkdownTable.One(law.Mean), law.OfOracle is { } part
                ? FormattableString.Invariant($"{part:0 %}") : "");
        }

        return table;

        string Served(TrialFigures? trial) =>
            trial is null ? "" : FormattableString.Invariant($"{trial.Served / report.Alone.Served:0.0 %} ({trial.Vms})");
    }

    /// <summary>
    /// Measures the same VMs, but few and with more memory than they can use: this is what the machine's processors allow.
    /// </summary>
    private static async Task<TrialFigures> AloneAsync(DensityLoad load, int vms, Say say, CancellationToken cancellation)
    {
        await using var house = new BenchHouse(cancellation);
        var start = load.Boot;
        await house.MoveInAsync([.. Enumerable.Range(0, vms).Select(vm => load.Plan(vm, bootsWithMax: true))], [], start);
        await house.BeginAsync("static", MemorySize.FromMiB(4096), start);
        var alone = await new DensityTrial(house.Guests, load, cancellation).RunAsync();
        say.Line($"alone: {alone.Served:0.0 %} of the load's pace (worst {alone.Worst:0.0 %})");
        return alone;
    }

    private static async Task<LawDensity> OneAsync(
        Rival rival, DensityLoad load, int byMax, int most, double alone, Say say, CancellationToken cancellation)
    {
        // Fixed memory needs no search: a VM that fits has all that it could want, and one that does not fit is refused.
        if (rival.EqualParts)
            return new(rival.Name, byMax, 1, []);
        await using var house = new BenchHouse(cancellation);
        var search = MostThatFit.From(byMax, most);
        List<TrialFigures> trials = [];
        while (search.Next is { } vms)
        {
            var start = MemorySize.Max(load.Min, MemorySize.Min(load.Boot, new((long)(Memory.Bytes * 0.92 / vms))))
                .RoundDown(MemorySize.FromMiB(4));
            var have = house.Guests.Count;
            await house.MoveInAsync(
                [.. Enumerable.Range(have, Math.Max(0, vms - have)).Select(vm => load.Plan(vm, rival.BootsWithMax))],
                [.. house.Guests.Skip(vms).Select(g => g.Name)], start);
            await house.BeginAsync(rival.Policy, Memory, start);
            await Task.Delay(TimeSpan.FromSeconds(2), cancellation);
            var trial = await new DensityTrial(house.Guests, load, cancellation).RunAsync();
            await house.EndAsync(start);
            trials.Add(trial);
            var fit = trial.Served >= Enough * alone && trial.OomKills == 0;
            search = search.With(vms, fit);
            say.Line(
                $"{rival.Name,-9} {vms,2} VMs: {trial.Served / alone:0.0 %} of alone (worst {trial.Worst:0 %}), "
                    + $"stalled {trial.StallSomeSeconds:0.0} s{(fit ? "" : ": too many")} (load {trial.LoadAverage:0.0})");
        }

        return new(rival.Name, search.Fits, Math.Round((double)search.Fits / byMax, 2), trials);
    }
}

/// <param name="OfStatic">The held VMs ÷ those that fixed memory holds.</param>
internal sealed record LawDensity(string Law, int Holds, double OfStatic, IReadOnlyList<TrialFigures> Trials);

/// <summary>The content of <c>density.json</c>.</summary>
/// <param name="Enough">The fraction of the work of VMs alone that the load must reach for the VMs to fit.</param>
internal sealed record DensityBenchReport(
    QemuMachine Machine, long MemoryBytes, double Enough, DensityLoad Load, int Static, TrialFigures Alone, IReadOnlyList<LawDensity> Laws,
    DensityReport Lab);
