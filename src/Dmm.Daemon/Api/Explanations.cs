using System.Globalization;
using System.Text.Json;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Explaining;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;
using Dmm.Daemon.Journals;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Api;

/// <summary><c>GET /api/v1/vms/{name}/explain</c>: why a VM has the memory that it has, from recorded decisions.</summary>
public static class Explanations
{
    /// <summary>The largest difference between the clocks of two programs on one host.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(1);

    public static void MapExplanations(
        this IEndpointRouteBuilder routes, Func<HostGateway> gateway, PastPromises past, TimeProvider time) =>
        routes.MapGroup("/api/v1").AddEndpointFilter(Answers.Guard).AddEndpointFilter(Queries.OnlyKnown)
        .MapGet("/vms/{name}/explain", async (string name, HttpRequest http, CancellationToken c) =>
        {
            var (id, at) = (Specs.IdOf(name), Queries.Time(http, "at"));
            var explanation = await gateway().ExplainAsync(id, at, c);
            // A time in the future is valid where a decision was recorded at it: the wall's clock was set back since.
            if (at > time.GetUtcNow() + Skew && !(at <= explanation.Until))
                throw new SpecException($"at is {Iso(at.Value)}, which is in the future; only past decisions can be explained");
            if (explanation.Decision is { } decision)
                return Answers.Json(Of(explanation, decision));
            if (at is not null && await AskAsync(() => past.Find(id, explanation.At.Wall), c) is { } promised)
                return Answers.Json(Of(explanation, promised));
            return Answers.Error(404, await NothingAsync(gateway(), past, id, explanation, at, c), "notFound");
        }).WithMetadata(new QueryNames("at"));

    private static async Task<T> AskAsync<T>(Func<T> journal, CancellationToken c)
    {
        try
        {
            return await Task.Run(journal, c);
        }
        catch (SqliteException fault)
        {
            throw new UnavailableException($"decisions of that time are forgotten, and the journal can't be read: {fault.Message}", fault);
        }
    }

    private static async Task<string> NothingAsync(
        HostGateway host, PastPromises past, VmId vm, Explanation e, DateTimeOffset? at, CancellationToken c)
    {
        var state = (await host.StatusAsync(c)).State;
        return state.Admissions.ContainsKey(vm) ? $"{vm} does not run yet; 'dmm vm show {vm}' says what it waits for"
            : !state.Vms.ContainsKey(vm) && e.Since is null ? $"there is no VM {vm} on this host; 'dmm vm list' shows all VMs"
            : at is null ? state.Vms.ContainsKey(vm) ? $"nothing has been decided about {vm} yet; try again in a second"
            : $"{vm} is gone; use --at to ask about an earlier time"
            : $"nothing is known about {vm} at {Iso(at.Value)}: "
                + (e.Since is { } since ? $"decisions about it are remembered since {Iso(since.Wall)}"
                    : "no decision about it is remembered")
                + (await AskAsync(() => past.ReachesBackTo(at.Value), c)
                    ? $", and the last {PastPromises.Most} events of the journal before that time contain no promise to it"
                    : ", and the journal has no event from before that time");
    }

    private static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static ExplanationView Of(Explanation e, Decision d) => new()
    {
        Vm = e.Vm.Name,
        At = e.At.Wall,
        DecidedAt = d.At.Wall,
        Source = "memory",
        KnownSince = e.Since?.Wall,
        Text = Lines(ExplanationText.Of(e)),
        ActualBytes = d.Actual.Bytes,
        GrantedBytes = d.Promise.Granted.Bytes,
        TargetBytes = d.Promise.Target.Bytes,
        PlannedBytes = d.Planned.Bytes,
        State = d.Phase is { } phase ? Name(phase) : null,
        MinBytes = d.Policy.Min.Bytes,
        MaxBytes = d.Policy.Max.Bytes,
        Shares = d.Policy.Shares,
        OperatorTargetBytes = d.OperatorTarget?.Bytes,
        Ruling = Name(d.Ruling),
        Urgent = d.Urgent,
        Guest = d.Guest is { } g ? new(e.At.WallOf(g.At), Name(g.Source), g.Available.Bytes, g.Total.Bytes, g.Swapped.Bytes) : null,
        Forecast = d.Forecast is { } f ? Of(f, e.At) : null,
        HeldBack = [.. d.Holds.Select(h => new HoldView(
            Name(h.Kind), ExplanationText.HoldOf(h, e.At.Now), h.Size.IsZero ? null : h.Size.Bytes,
            [.. h.From.Select(g => new GiverView(g.Vm.Name, g.Size.Bytes))], e.At.WallOf(h.Since)))],
        Got = Of(e.Got, e.While),
        Gave = Of(e.Gave, e.While),
        Changes = [.. e.Before.Select(b => new PromiseChangeView(
            b.At.Wall, b.Promise.Granted.Bytes, b.Promise.Target.Bytes, Name(b.Ruling), b.Urgent, From(b.Payments, e.Vm),
            To(b.Payments, e.Vm)))],
    };

    private static ExplanationView Of(Explanation e, PromisesChanged promised)
    {
        var (change, payments) = (promised.Changes.First(c => c.Vm == e.Vm), Payments.Of(promised.Changes));
        return new()
        {
            Vm = e.Vm.Name,
            At = e.At.Wall,
            DecidedAt = promised.At,
            Source = "journal",
            KnownSince = e.Since?.Wall,
            Text = Lines(ExplanationText.Of(promised.At, change, payments, e)),
            GrantedBytes = change.Granted.Bytes,
            TargetBytes = change.Target.Bytes,
            Ruling = Name(change.Ruling),
            Urgent = change.Urgent,
            HeldBack = [],
            Changes =
                [new(promised.At, change.Granted.Bytes, change.Target.Bytes, Name(change.Ruling), change.Urgent, From(payments, e.Vm),
                    To(payments, e.Vm))],
        };
    }

    private static ForecastView Of(Forecast f, Clocks asked) => new(
        asked.WallOf(f.At), f.WorkingSet.Bytes, Math.Round(f.BytesPerSecond), f.Need.Bytes, f.Headroom.Bytes, f.HeadroomBound,
        f.Demand.Bytes, f.ShrinkTo.Bytes, f.Bound, Math.Round(f.Harm, 4), f.Urgent);

    private static MovesView? Of(Moves? moves, TimeSpan over) => moves is { } m
        ? new(m.Total.Bytes, m.Last.Wall, Math.Round(over.TotalSeconds, 1),
            [.. m.Shares.Select(s => new PeerView(s.Peer?.Name, s.Size.Bytes))])
        : null;

    private static PeerView[] From(IEnumerable<Payment> payments, VmId vm) =>
        [.. payments.Where(p => p.To == vm).Select(p => new PeerView(p.From?.Name, p.Size.Bytes))];

    private static PeerView[] To(IEnumerable<Payment> payments, VmId vm) =>
        [.. payments.Where(p => p.From == vm).Select(p => new PeerView(p.To?.Name, p.Size.Bytes))];

    private static ExplanationLineView[] Lines(IEnumerable<ExplanationLine> lines) =>
        [.. lines.Select(l => new ExplanationLineView(l.Topic, l.Text))];

    private static string Name<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}
