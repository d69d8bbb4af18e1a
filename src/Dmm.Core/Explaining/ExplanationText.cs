using System.Collections.Immutable;
using System.Globalization;
using Dmm.Core.Demand;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Explaining;

/// <summary>A line for people: a topic, and the text about it.</summary>
public readonly record struct ExplanationLine(string Topic, string Text);

/// <summary>
/// An explanation in a few lines for an operator. It tells ages, not times of day: the reader may be in another time zone than the host.
/// </summary>
public static class ExplanationText
{
    private const string Problem = "problem";
    private const string HeldBack = "held back";
    private const string Note = "note";

    /// <summary>A trend below this, in bytes per second, is told as steady.</summary>
    private const double LeastTrend = 1 << 20;

    /// <summary>Moves of less than two blocks of a device are left out: they tell people nothing.</summary>
    private static readonly MemorySize LeastMove = MemorySize.FromMiB(4);

    public static ImmutableArray<ExplanationLine> Of(Explanation explanation)
    {
        if (explanation.Decision is not { } decision)
            return [];
        var holds = decision.Holds.Select(hold => new ExplanationLine(TopicOf(hold.Kind), HoldOf(hold, explanation.At.Now)))
            .ToLookup(line => line.Topic);
        var lines = ImmutableArray.CreateBuilder<ExplanationLine>();
        lines.Add(new("memory", Memory(decision)));
        lines.AddRange(holds[Problem]);
        lines.Add(new("guest", Guest(decision, explanation.At.Now)));
        if (decision.Forecast is { } forecast)
        {
            lines.Add(new("wants", Wants(forecast)));
            lines.Add(new("can spare", Spares(decision.Actual, forecast)));
        }

        lines.Add(new("rule", RuleOf(decision)));
        lines.AddRange(holds[HeldBack]);
        if (explanation.Got is { } got && got.Total >= LeastMove)
            lines.Add(new("got", MovesOf(got, explanation, " from ")));
        if (explanation.Gave is { } gave && gave.Total >= LeastMove)
            lines.Add(new("gave", MovesOf(gave, explanation, " to ")));
        lines.Add(new("policy", $"min {decision.Policy.Min}, max {decision.Policy.Max}, shares {decision.Policy.Shares}"));
        lines.AddRange(holds[Note]);
        return lines.ToImmutable();
    }

    /// <summary>The text from the journal for a time whose decisions are no longer kept.</summary>
    public static ImmutableArray<ExplanationLine> Of(
        DateTimeOffset decidedAt, PromiseChange change, ImmutableArray<Payment> payments, Explanation e)
    {
        var lines = ImmutableArray.CreateBuilder<ExplanationLine>();
        lines.Add(
            new("memory",
                $"promised {change.Granted}{(change.Target == change.Granted ? "" : $", told to become {change.Target}")}, "
                    + $"{Age(e.At.Wall - decidedAt)} before"));
        lines.Add(
            new("rule",
                RuleOf(new()
                {
                    At = new(e.At.MomentOf(decidedAt), decidedAt),
                    Policy = new(change.Target, change.Target),
                    Promise = new(change.Granted, change.Target),
                    Planned = change.Target,
                    Ruling = change.Ruling,
                    Urgent = change.Urgent,
                })));
        Add("got", payments.Where(p => p.To == e.Vm).Select(p => $"{p.Size} from {p.From?.Name ?? "free memory"}"));
        Add("gave", payments.Where(p => p.From == e.Vm).Select(p => $"{p.Size} to {p.To?.Name ?? "free memory"}"));
        lines.Add(new("note", "from the journal: the guest's last figures, the forecast and what was held back are no longer recorded"));
        return lines.ToImmutable();

        void Add(string topic, IEnumerable<string> parts)
        {
            var text = string.Join(", ", parts);
            if (text.Length > 0)
                lines.Add(new(topic, text));
        }
    }

    private static string Memory(Decision d)
    {
        var wants = d.OperatorTarget is null && d.Forecast is { } forecast && forecast.Demand > d.Actual
        ? $" of the {forecast.Demand} that it wants" : "";
        var told = d.Promise.Target == d.Promise.Granted
            ? d.Actual == d.Promise.Granted ? "as promised" : $"promised {d.Promise.Granted}"
            : $"promised {d.Promise.Granted}, told to become {d.Promise.Target}";
        if (!d.Promise.Lease.IsZero)
            told += $", and {d.Promise.Lease} on lease";
        return $"{d.Actual}{wants}; {told}; {d.Phase?.ToString().ToLowerInvariant() ?? "no report yet"}";
    }

    private static string Guest(Decision d, Moment asked)
    {
        if (d.Guest is not { } said)
            return "has reported nothing: neither its agent nor its balloon sends figures";
        var swapped = said.Swapped.IsZero ? "" : $", {said.Swapped} swapped out";
        var stall = d.Forecast is { Harm: >= 0.0005 } f
            ? string.Create(CultureInfo.InvariantCulture, $", stalled for memory {f.Harm * 100:0.#} % of the time") : "";
        return $"{said.Available} available of {said.Total}{swapped}{stall}, as "
            + $"its {(said.Source == SampleSource.Agent ? "agent" : "balloon")} reported {Age(asked - said.At)} before";
    }

    private static string Wants(Forecast f)
    {
        var ahead = f.Need.MinusOrZero(f.WorkingSet);
        var trend = Math.Abs(f.BytesPerSecond) < LeastTrend ? "steady"
            : $"{(f.BytesPerSecond > 0 ? "growing" : "shrinking")} {MemorySize.FromBytes(Math.Abs(f.BytesPerSecond))} a second";
        return $"{f.Demand}: working set {f.WorkingSet} ({trend}){(ahead.IsZero ? "" : $" + {ahead} to come")} + headroom {f.Headroom}"
            + $"{(f.HeadroomBound.Length == 0 ? "" : $" ({f.HeadroomBound})")}{(f.Urgent ? "; it is about to stall" : "")}";
    }

    private static string Spares(MemorySize actual, Forecast f) => actual > f.ShrinkTo
        ? $"{actual - f.ShrinkTo}, down to {f.ShrinkTo} ({f.Bound})"
        : f.ShrinkTo > f.Demand ? $"nothing: it is expected to need at least {f.ShrinkTo} ({f.Bound})" : "nothing";

    /// <summary>The text of the rule that decided.</summary>
    private static string RuleOf(Decision d) => d.OperatorTarget is { } own
        ? $"operator: {own} was set by hand"
        : d.Ruling switch
        {
            Ruling.Keep when d.Holds.Any(h => h.Kind is HoldKind.DeadBand) =>
            $"keep: it is near enough to what it needs, and stays at {d.Planned}",
            Ruling.Keep => "keep: it has what it needs; memory that it does not need stays with it until others need it",
            Ruling.Immovable => "immovable: nothing is asked of it, and its memory is not counted on",
            Ruling.Demand when d.Urgent => $"demand, urgent: {d.Planned} at once",
            Ruling.Demand => $"demand: it may have {d.Planned}",
            Ruling.GivesSlack => $"gives slack, because others need memory: down to {d.Planned}, and no harm is expected",
            Ruling.GivesPast => $"gives what it used lately and does not use now, because others need memory: down to {d.Planned}",
            Ruling.FairShare =>
            $"fair share: there is not enough for all; {d.Planned} is its part by shares, working sets first, or what its guest can't give",
            Ruling.Limited => $"limited: {d.Planned} is all that its control group allows",
            Ruling.Policy => $"policy: {d.Planned} by the law that dmm.policy names",
            _ => d.Ruling.ToString(),
        };

    private static string TopicOf(HoldKind kind) => kind switch
    {
        HoldKind.Stuck or HoldKind.Uncooperative or HoldKind.Lost or HoldKind.Deficit => Problem,
        HoldKind.Operator or HoldKind.Policy => Note,
        _ => HeldBack,
    };

    public static string HoldOf(Hold h, Moment asked) => h.Kind switch
    {
        HoldKind.Operator => "DMM decides again after 'dmm vm resize NAME auto'",
        HoldKind.Policy => $"dmm.policy = {h.Word}: not DMM's own law",
        HoldKind.Unheard => "it has not reported yet: it keeps what the journal promised it",
        HoldKind.Booting => "it boots: nothing is asked of it until its guest reports",
        HoldKind.Stopping => "it is being stopped: nothing is asked of it any more",
        HoldKind.Stuck => $"stuck{Because(h)}; it is asked again and again",
        HoldKind.Uncooperative => $"uncooperative{Because(h)}; its claim stays whole, and no plan counts on it until it moves",
        HoldKind.Paused => $"its guest does not run{Because(h)}; nothing is asked of it, and it keeps what it holds",
        HoldKind.Lost => $"its hypervisor can't be reached{Because(h)}; it keeps what it holds",
        HoldKind.Unforeseen => "there is no forecast for its guest: it stays as it is",
        HoldKind.Deficit => $"the host lacks {h.Size} for what is claimed already: nothing is granted until it fits ('dmm host show')",
        HoldKind.Peers => $"{h.Size} comes from {FromWhom(h)}",
        HoldKind.Gathering => $"free memory is gathered for {h.Word}, a VM that is to be created",
        HoldKind.Turn =>
        $"it is to become {h.Size} and has waited {Age(asked - (h.Since ?? asked))} for its turn: as many VMs "
        + $"as may move at once are moving (dmm.plan.balloon-operations, hotplug-operations)",
        HoldKind.Shortage => $"{h.Size} less than it wants: others lack memory, too",
        HoldKind.Cushion => $"{h.Size}: it would use up the host's cushion, which is for guests that are about to stall",
        HoldKind.Max => $"the part above its max {h.Size}: 'dmm vm set NAME --max' raises it",
        HoldKind.Reach => $"the part above {h.Size}: its devices or its guest can't go higher{(h.Word is { } word ? $" ({word})" : "")}",
        HoldKind.ControlGroup => $"the part above {h.Size}: with it, its control group's limit (memory.max) could kill it",
        HoldKind.Min => $"nothing is taken below its min {h.Size}",
        HoldKind.DeadBand => $"{h.Size}: too little to be worth a resize (dmm.plan.step, dead-band)",
        HoldKind.Slowly => $"it gives {h.Size} slowly while nobody is in need (dmm.plan.shrink-rate)",
        HoldKind.Unconfirmed => $"{h.Size} that it was told to give is not back yet: its claim stays whole until then",
        _ => throw new ArgumentOutOfRangeException(nameof(h), h.Kind, "has no words"),
    };

    private static string Because(Hold hold) => hold.Word is { } why ? $": {why}" : "";

    private static string FromWhom(Hold h)
    {
        var given = h.From.Aggregate(MemorySize.Zero, static (sum, g) => sum + g.Size);
        var from = h.From.Select(g => $"{g.Vm} ({g.Size})");
        return string.Join(", ", h.Size > given ? from.Append($"nobody yet ({h.Size - given})") : from);
    }

    private static string MovesOf(Moves moves, Explanation e, string to) =>
        $"{moves.Total}{to}{string.Join(", ", moves.Shares.Select(s => moves.Shares.Length == 1 ? NameOf(s) : $"{NameOf(s)} ({s.Size})"))} "
        + $"in the last {Age(e.While)}, the last of it {Age(e.At.Now - moves.Last.Now)} before";

    private static string NameOf(Share share) => share.Peer?.Name ?? "free memory";

    /// <summary>An age in the largest unit that is precise enough.</summary>
    public static string Age(TimeSpan age) => Text(age < TimeSpan.Zero ? TimeSpan.Zero : age).ToString(CultureInfo.InvariantCulture);

    private static FormattableString Text(TimeSpan age) => age switch
    {
        { TotalSeconds: < 10 } => $"{age.TotalSeconds:0.0} s",
        { TotalSeconds: < 120 } => $"{age.TotalSeconds:0} s",
        { TotalMinutes: < 120 } => $"{age.TotalMinutes:0} min",
        { TotalHours: < 48 } => $"{age.TotalHours:0} h",
        _ => $"{age.TotalDays:0} d",
    };
}
