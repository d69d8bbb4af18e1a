using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>The options of all verbs that play traces.</summary>
internal sealed class TraceOptions
{
    private readonly Option<string[]> _traces = new("--traces")
    {
        Description = "Files of traces, a VM each, or folders of them",
        HelpName = "DIR|FILE",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> _recorded = new("--recorded")
    {
        Description = "Instead of --traces: what dmm lab record has written",
        HelpName = "DIR",
    };

    private readonly Option<string> _format = OneOf("--format", "Form of the traces", "auto", ["auto", "gwa-t-12", "dmm"]);
    private readonly Option<string> _between = OneOf("--between", "How need changes between two samples", "step", ["step", "linear"]);
    private readonly Option<string> _laws = new("--laws")
    {
        Description = "Laws, separated by commas; all",
        HelpName = "A,B",
        DefaultValueFactory = _ => "all",
    };
    private readonly Option<SizeOrPercent?> _min = SizeOrPercent.Option("--min", "Min of each VM; a percentage is of its max [128MiB]");
    private readonly Option<SizeOrPercent?> _boot = SizeOrPercent.Option(
        "--boot", "What each VM booted with; a percentage is of its max [max for laws that know balloons alone, else min]");
    private readonly Option<int?> _vms = new("--vms") { Description = "Only the first N VMs", HelpName = "N" };
    private readonly Option<string?> _from = new("--from")
    {
        Description = "From this time (2013-07-05T12:00Z, or seconds since 1970)",
        HelpName = "T",
    };
    private readonly Option<string?> _to = new("--to") { Description = "To this time", HelpName = "T" };
    private readonly Option<ulong> _seed = new("--seed")
    {
        Description = "Seed of all random numbers; the same seed gives the same figures",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<string?> _delays = new("--delays")
    {
        Description = "JSON of the mechanisms' measured delays",
        HelpName = "FILE",
    };
    private readonly Option<bool> _strict = new("--strict") { Description = "End at the first bad row, instead of counting it" };
    private readonly Option<string?> _json = new("--json")
    {
        Description = "Write the figures as JSON; - is standard output",
        HelpName = "FILE",
    };

    public Option<SizeOrPercent?> HostMemory { get; } = SizeOrPercent.Option(
        "--host-memory", "Memory of the host, for guests; a percentage is of the sum of all max", required: true);

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[
            _traces,
            _recorded,
            _format,
            HostMemory,
            _laws,
            _min,
            _boot,
            _between,
            _vms,
            _from,
            _to,
            _seed,
            _delays,
            _strict,
            _json,
        ])
            command.Options.Add(option);
    }

    public IReadOnlyList<string> Laws(ParseResult parsed) => LabLaw.Parse(parsed.GetValue(_laws)!);

    public ulong Seed(ParseResult parsed) => parsed.GetValue(_seed);

    public string? Json(ParseResult parsed) => parsed.GetValue(_json);

    public MechanismDelays Delays(ParseResult parsed) => parsed.GetValue(_delays) is { } file ? MechanismDelays.Read(file) : new();

    /// <summary>Reads the traces and reports rows that could not be read.</summary>
    public TraceSet Read(ParseResult parsed, LabScreen screen, CancellationToken cancellation)
    {
        var format = parsed.GetValue(_format) switch { "gwa-t-12" => TraceFormat.GwaT12, "dmm" => TraceFormat.Dmm, _ => TraceFormat.Auto };
        var (paths, recorded) = (parsed.GetValue(_traces) ?? [], parsed.GetValue(_recorded));
        if (paths.Length > 0 == recorded is not null)
            throw new LabException("give either --traces DIR|FILE… or --recorded DIR");
        if (recorded is not null)
            (paths, format) = ([recorded], TraceFormat.Dmm);
        var reader = new TraceReader(
            format, parsed.GetValue(_strict), (done, of) => screen.Progress($"reading traces: {done} of {of} files"));
        var set = reader.Read(paths, cancellation);
        foreach (var row in set.BadRows)
            screen.Complain(row);
        if (set.BadRowCount > 0)
            screen.Complain(
                $"{set.BadRowCount} of {set.Rows + set.BadRowCount} rows are bad and were left "
                    + $"out{(set.BadRowCount > set.BadRows.Count ? $"; the first {set.BadRows.Count} are named" : "")}");
        if (parsed.GetValue(_vms) is { } most)
        {
            if (most < 1)
                throw new LabException($"--vms is {most}; it must be at least 1");
            set = set with { Vms = [.. set.Vms.Take(most)] };
        }

        return set;
    }

    public TraceHostOptions Host(ParseResult parsed) => new()
    {
        Between = parsed.GetValue(_between) == "linear" ? BetweenSamples.Linear : BetweenSamples.Step,
        Min = parsed.GetValue(_min) ?? new(MemorySize.FromMiB(128), 0),
        Boot = parsed.GetValue(_boot),
        From = Time("--from", parsed.GetValue(_from)),
        To = Time("--to", parsed.GetValue(_to)),
        Seed = parsed.GetValue(_seed),
    };

    /// <summary>
    /// The number that an option was given, for a validator. Null where there is none: the library then says what is wrong, and a
    /// validator that asked it for the value would get an exception.
    /// </summary>
    public static double? NumberOf(OptionResult result) =>
        result.Tokens is [{ Value: var text }] && double.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static long? Time(string name, string? text) =>
        text is null ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at.ToUnixTimeSeconds()
        : throw new LabException($"{name} is '{Echo.Of(text)}'; it must be a time such as 2013-07-05T12:00Z, or seconds since 1970");

    private static Option<string> OneOf(string name, string description, string standard, string[] values)
    {
        var option = new Option<string>(name)
        {
            Description = description,
            HelpName = string.Join('|', values),
            DefaultValueFactory = _ => standard,
        };
        option.CompletionSources.Add(values);
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var value }] && !values.Contains(value))
                result.AddError($"{name} is '{Echo.Of(value)}'; it must be {string.Join(", ", values.SkipLast(1))} or {values[^1]}");
        });
        return option;
    }
}
