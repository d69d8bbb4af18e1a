using System.CommandLine;
using Dmm.Core;

namespace Dmm.Lab.Replay;

/// <summary><c>dmm lab replay</c>: plays traces of real VMs on one host, under each law.</summary>
internal static class ReplayCommand
{
    public static Command Build()
    {
        var traces = new TraceOptions();
        var plot =
            new Option<string?>(
                "--plot")
            {
                Description = "Draw shortfall against slack, each law a curve over its own safety setting (PNG)",
                HelpName = "FILE",
            };
        var plotVms = new Option<string?>("--plot-vms")
        {
            Description = "VMs, separated by commas, whose memory over time is drawn beneath",
            HelpName = "A,B",
        };
        var command = new Command("replay", "Play recorded VMs on one host under each law, and compare");
        var holdout = new Option<string?>("--holdout")
        {
            Description = "Report only on these VMs: a part, chosen at random by the seed, or names",
            HelpName = "PART|A,B",
        };
        var fit =
            new Option<bool>(
                "--fit")
            {
                Description =
                    "Choose each law's safety setting on the VMs that are not held out: least shortfall, then least slack"
            };
        var explain =
            new Option<bool>(
                "--explain-loss")
            {
                Description =
                    "Show what separates DMM from perfect foresight: delay, forecast, guarantee, cushion"
            };
        var equal =
            new Option<bool>(
                "--equal-slack")
            { Description = "Compare DMM with each law over its own safety setting, at no more slack than the law's" };
        var period =
            new Option<double?>(
                "--period")
            {
                Description =
                    "Seconds between plans, as dmm.plan.period; peers that look less often keep their own [each law's own]",
                HelpName = "T"
            };
        period.Validators.Add(result =>
        {
            if (TraceOptions.NumberOf(result) is not (null or (>= 0.1 and <= 60)))
                result.AddError($"--period is '{string.Join(' ', result.Tokens)}'; it must be from 0.1 to 60 seconds");
        });
        traces.AddTo(command);
        foreach (var option in (Option[])[period, plot, plotVms, equal, holdout, fit, explain])
            command.Options.Add(option);
        command.SetAction((parsed, cancellation) => LabCommand.Guard(parsed, screen =>
        {
            var laws = traces.Laws(parsed);
            var (delays, seed, options) = (traces.Delays(parsed), traces.Seed(parsed), traces.Host(parsed));
            var chosen = Names(parsed.GetValue(plotVms));
            if (parsed.GetValue(fit) && parsed.GetValue(holdout) is null)
                throw new LabException("--fit needs --holdout: what was fitted on a VM says little about it");
            if (parsed.GetValue(equal) && !laws.Contains(EqualSlack.Own))
                throw new LabException($"--equal-slack compares {EqualSlack.Own} with the others; --laws must name it");
            if (chosen.Length > 0 && parsed.GetValue(plot) is null)
                throw new LabException("--plot-vms needs --plot");
            var set = traces.Read(parsed, screen, cancellation);
            IReadOnlyList<LabLaw?> made = [.. laws.Select(name => name == LabLaw.Oracle ? null : LabLaw.Of(name))];
            var reported = set.Vms;
            if (parsed.GetValue(holdout) is { } held)
            {
                (var fitted, reported) = HoldOut.Split(set.Vms, held, seed);
                if (parsed.GetValue(fit))
                    made = Fit(new(fitted, options), laws, made);
            }

            var host = new TraceHost(reported, options);
            var memory = parsed.GetValue(traces.HostMemory)!.Value.Of(host.SumOfMax);
            var record = chosen.Length > 0 ? new MemoryRecord(chosen.ToHashSet()) : null;
            if (chosen.FirstOrDefault(name => host.Vms.All(vm => vm.Name != name)) is { } unknown)
                throw new LabException($"--plot-vms names '{unknown}', which is not among the VMs");
            var figures = Run(host, memory, record).Run(made, cancellation);
            screen.Write($"{host.Vms.Count} VMs with {host.SumOfMax} in all on a host of {memory}, {host.End / 3.6e9:0.#} hours");
            foreach (var law in made)
            {
                if (law is { Safety: { } safety, Value: { } value } && value != safety.Default)
                    screen.Write($"{law.Name}: {safety.Meaning} {value}, its default is {safety.Default}");
            }

            Show(screen, figures);
            var file = parsed.GetValue(plot);
            var curves = file is not null || parsed.GetValue(equal) ? Run(host, memory, null).Sweep(laws, cancellation) : null;
            if (file is not null)
                LabScreen.Save(file, path => ReplayPlot.Save(figures, curves!, record, chosen, path));
            IReadOnlyList<EqualSlackFigures>? equals = null;
            if (parsed.GetValue(equal))
                EqualSlack.Show(screen, equals = EqualSlack.Of(curves!));

            LossReport? loss = null;
            if (parsed.GetValue(explain))
            {
                loss = Loss.Explain(
                    host, new(reported, options with { Min = new(MemorySize.FromMiB(1), 0) }), memory, delays, seed, cancellation);
                screen.Table(
                    ["made ideal", "shortfall", "slack"],
                    loss.Ideals.Select(f => (IReadOnlyList<string>)[f.Ideal, $"{f.ShortfallRatio:0.0000 %}", $"{f.SlackRatio:0.0 %}"]));
                screen.Table(
                    ["shortfall waited for", "shortfall"],
                    loss.Causes.Select(c => (IReadOnlyList<string>)[c.Cause, $"{c.ShortfallRatio:0.0000 %}"]));
            }

            screen.Json(
                traces.Json(parsed),
                new ReplayReport(
                    memory.Bytes, host.Vms.Count, host.SumOfMax.Bytes, host.End / 1e6, seed, set.BadRowCount, figures)
                {
                    Curves = curves,
                    EqualSlack = equals,
                    Loss = loss?.Ideals,
                    Causes = loss?.Causes,
                });

            ReplayRun Run(TraceHost on, MemorySize with, MemoryRecord? recorded) =>
                new(on, with, delays, seed)
                {
                    Period = parsed.GetValue(period) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                    Progress = (law, part) => screen.Progress($"{law}: {part:P0}"),
                    Record = recorded,
                };

            // The fitted VMs get a host that is equally tight: the same memory for each byte of max.
            IReadOnlyList<LabLaw?> Fit(TraceHost on, IReadOnlyList<string> names, IReadOnlyList<LabLaw?> standard)
            {
                var size = parsed.GetValue(traces.HostMemory)!.Value;
                var with = size.Size is { } whole ? whole.Scale((double)on.SumOfMax.Bytes / reported.Sum(vm => vm.Max.Bytes))
                    : size.Of(on.SumOfMax);
                var best = Run(on, with, null).Sweep(names, cancellation)
                    .ToDictionary(c => c.Law, c => c.Points.OrderBy(p => p.ShortfallRatio).ThenBy(p => p.SlackRatio).First().Value);
                return [.. standard.Select(law => law is not null && best.TryGetValue(law.Name, out var value) ? law.With(value) : law)];
            }
        }));
        return command;
    }

    private static string[] Names(string? text) =>
        text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    public static void Show(LabScreen screen, IReadOnlyList<ReplayFigures> figures) =>
        screen.Table(
            ["law", "shortfall", "short time", "slack", "moved/h", "resizes/VM·h", "Jain", "admitted", "seconds"],
            figures.Select(f => (IReadOnlyList<string>)
            [
                f.Law, $"{f.ShortfallRatio:0.0000 %}", $"{f.ShortfallTimeRatio:0.0000 %}", $"{f.SlackRatio:0.0 %}", $"{f.MovedRatio:0.00}",
                $"{f.ResizesPerVmHour:0.00}",
                $"{f.Jain:0.000}", $"{f.Admitted}", $"{f.Seconds:0.0}",
            ]));
}

/// <summary>The content of <c>--json</c>.</summary>
/// <param name="Seconds">Simulated seconds.</param>
public sealed record ReplayReport(
    long HostMemoryBytes, int Vms, long SumOfMaxBytes, double Seconds, ulong Seed, long BadRows, IReadOnlyList<ReplayFigures> Laws)
{
    /// <summary>
    /// The curve of each law over its safety setting; null unless a plot or a comparison at equal slack was asked for.
    /// </summary>
    public IReadOnlyList<SafetyCurve>? Curves { get; init; }

    /// <summary>DMM at no more slack than each point of another law's curve; null unless asked for.</summary>
    public IReadOnlyList<EqualSlackFigures>? EqualSlack { get; init; }

    /// <summary>The parts of DMM's distance from perfect foresight, by cause; null unless asked for.</summary>
    public IReadOnlyList<LossFigures>? Loss { get; init; }

    /// <summary>DMM's shortfall, split by what it waited for; null unless asked for.</summary>
    public IReadOnlyList<CauseFigures>? Causes { get; init; }
}
