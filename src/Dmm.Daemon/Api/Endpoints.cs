using System.Collections.Immutable;
using System.Text.Json;
using System.Threading.Channels;
using Akka.Actor;
using Dmm.Actors.Events;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Clusters;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Settings;

namespace Dmm.Daemon.Api;

/// <summary>
/// The routes of <c>/api/v1</c>. All of them work over the Unix socket. Only reading works over TCP, because there are no user rights
/// yet.
/// </summary>
public static class Endpoints
{
    private static readonly TimeSpan InspectDeadline = TimeSpan.FromSeconds(10);

    private static Clocks Now => Clocks.Read(TimeProvider.System);

    /// <returns>The group of all routes below <c>/api/v1</c>.</returns>
    public static RouteGroupBuilder MapApi(
        this IEndpointRouteBuilder routes, Func<HostGateway> gateway, IHypervisor hypervisor, DmmSettings settings)
    {
        var stopGrace = settings.Vm.StopGrace;
        var api = routes.MapGroup("/api/v1")
            .AddEndpointFilter(ReadOnlyOverTcp).AddEndpointFilter(Answers.Guard).AddEndpointFilter(Queries.OnlyKnown);
        api.MapGet("/host", async (CancellationToken c) =>
            Answers.Json(Views.HostOf(await gateway().StatusAsync(c), settings.Node.Text, hypervisor, Now)));
        api.MapPost("/host/drain", async (HttpRequest http, CancellationToken c) =>
        {
            var request = await Bodies.ReadAsync<DrainHostRequest>(http, c);
            return DrainViews.Answer(await gateway().CommandAsync(DrainViews.Read(request), c), Now);
        });
        api.MapPost("/host/undrain", async (HttpRequest http, CancellationToken c) =>
        {
            await Bodies.RequireEmptyAsync(http, c);
            return DrainViews.Answer(await gateway().CommandAsync(new HostProtocol.UndrainHost(), c), Now);
        });
        api.MapGet("/vms", async (CancellationToken c) => Answers.Json(Views.VmsOf(await gateway().StatusAsync(c), Now)));
        api.MapGet("/vms/{name}", async (string name, CancellationToken c) =>
            Views.VmOf(await gateway().StatusAsync(c), Specs.IdOf(name), Now) is { } vm
                ? Answers.Json(vm)
                : Answers.Error(404, $"there is no VM {Echo.Of(name)} on this host; 'dmm vm list' shows all VMs", "notFound"));
        api.MapPost("/vms", async (HttpRequest http, CancellationToken c) =>
        {
            var dryRun = Queries.Flag(http, "dryRun");
            var request = await Bodies.ReadAsync<CreateVmRequest>(http, c);
            RefuseOnObserver(settings);
            return await CreateAsync(gateway(), hypervisor, request, dryRun, c);
        }).WithMetadata(new QueryNames("dryRun"));
        api.MapPost("/vms/{name}/adopt", async (string name, HttpRequest http, CancellationToken c) =>
        {
            var request = await Bodies.ReadAsync<AdoptVmRequest>(http, c);
            RefuseOnObserver(settings);
            return Answers.Of(await AdoptAsync(gateway(), hypervisor, name, request, c));
        });
        api.MapPatch("/vms/{name}", async (string name, HttpRequest http, CancellationToken c) =>
        {
            var request = await Bodies.ReadAsync<SetVmRequest>(http, c);
            if (request is { MinBytes: null, MaxBytes: null, Shares: null, Restart: null })
                throw new SpecException($"{Specs.IdOf(name)}: nothing to change; give minBytes, maxBytes, shares or restart");
            return Answers.Of(await gateway().CommandAsync(
                new HostProtocol.SetPolicy(Specs.IdOf(name), Size("min", request.MinBytes), Size("max", request.MaxBytes), request.Shares)
                {
                    Restart = Specs.RestartOf(name, request.Restart),
                }, c));
        });
        api.MapPost("/vms/{name}/resize", async (string name, HttpRequest http, CancellationToken c) =>
        {
            var request = await Bodies.ReadAsync<ResizeVmRequest>(http, c);
            return Answers.Of(await gateway().CommandAsync(new HostProtocol.ResizeVm(Specs.IdOf(name), Size("size", request.Bytes)), c));
        });
        api.MapPost("/vms/{name}/stop", async (string name, HttpRequest http, CancellationToken c) =>
        {
            var request = await Bodies.ReadAsync<StopVmRequest>(http, c);
            if (request.GraceSeconds is { } seconds && !(seconds is >= 0 and <= 3_600))
                throw new SpecException($"{Echo.Of(name)}: grace is {seconds} s; it must be from 0 to an hour");
            var kill = request.Kill ?? false;
            if (request.GraceSeconds == 0 && !kill)
                throw new SpecException(
                    $"{Echo.Of(name)}: grace is 0 s, which gives its guest no time to power down; give it longer, or ask for its process "
                        + $"to be ended (--kill)");
            var grace = request.GraceSeconds is { } s ? TimeSpan.FromSeconds(s) : kill ? TimeSpan.Zero : stopGrace;
            return Answers.Of(await gateway().CommandAsync(new HostProtocol.StopVm(Specs.IdOf(name), new(grace, kill)), c));
        });
        api.MapPost("/vms/{name}/start", async (string name, HttpRequest http, CancellationToken c) =>
        {
            var request = await Bodies.ReadAsync<StartVmRequest>(http, c);
            var start = new HostProtocol.StartVm(Specs.IdOf(name), Specs.TimeoutOf(name, request.TimeoutSeconds))
            {
                Force = request.Force
                ?? false
            };
            return Answers.Of(await gateway().CommandAsync(start, c));
        });
        api.MapPost("/vms/{name}/forget", async (string name, HttpRequest http, CancellationToken c) =>
        {
            await Bodies.RequireEmptyAsync(http, c);
            return Answers.Of(await gateway().CommandAsync(new HostProtocol.ForgetVm(Specs.IdOf(name)), c));
        });
        api.MapGet("/events", async (HttpRequest http, CancellationToken c) =>
        {
            var (since, after) = (Queries.Time(http, "since"), Queries.Whole(http, "after") ?? 0);
            var last = (int)Math.Min(Queries.Whole(http, "last") ?? int.MaxValue, int.MaxValue);
            return Answers.Json((await gateway().EventsAsync(since, after, c, last)).Items.Select(Views.EventOf));
        }).WithMetadata(new QueryNames("since", "after", "last"));
        api.MapGet("/events/stream", (HttpContext http) =>
            StreamAsync(gateway(), Queries.Time(http.Request, "since"), Queries.Whole(http.Request, "after") ?? 0, http))
            .WithMetadata(new QueryNames("since", "after"));
        return api;
    }

    private static void RefuseOnObserver(DmmSettings settings)
    {
        if (settings.Cluster?.Role == NodeRole.Observer)
            throw new SpecException($"node {settings.Node} is an observer (dmm.cluster.role), which takes no VM; ask a host");
    }

    private static async Task<IResult> CreateAsync(
        HostGateway host, IHypervisor hypervisor, CreateVmRequest request, bool dryRun, CancellationToken c)
    {
        var (spec, notes) = Specs.Read(request, hypervisor);
        var timeout = Specs.TimeoutOf(request, Now.Wall);
        if (await RunsUngovernedAsync(host, hypervisor, spec, c))
        {
            return Answers.Of(new HostProtocol.Refused(
                HostProtocol.RefusalKind.Conflict, AdmissionWords.StillRuns(spec.Id)));
        }

        var (overhead, needs) = (hypervisor.ExpectedOverhead(spec), hypervisor.ImageNeeds(spec));
        if (dryRun)
        {
            return await host.CommandAsync(new HostProtocol.DryRunVm(spec, overhead, needs, timeout), c) is var answer
            && answer is HostProtocol.DryRunResult foreseen
                ? Answers.Json(AdmissionViews.Of(foreseen, notes))
                : Answers.Of(answer);
        }

        var outcome = await host.CommandAsync(new AdmissionProtocol.CreateVm(spec, overhead, timeout, notes) { ImageNeeds = needs }, c);
        return outcome is HostProtocol.Done done ? Answers.Json(new DoneView(done.Vm.Name, done.Text, done.Notes), 202)
            : Answers.Of(outcome);
    }

    /// <summary>
    /// True where a VM of that name runs without DMM because it was let go of. A launch under that name would take its process for one
    /// that an earlier daemon of DMM had started.
    /// </summary>
    private static async Task<bool> RunsUngovernedAsync(HostGateway host, IHypervisor hypervisor, Core.Vms.VmSpec spec, CancellationToken c)
    {
        var state = (await host.StatusAsync(c)).State;
        if (state.Vms.ContainsKey(spec.Id) || state.Admissions.ContainsKey(spec.Id) || state.Resting.ContainsKey(spec.Id))
            return false;
        // The hypervisor does not find a VM by its name that somebody else started; the list of VMs that were let go of has it.
        if (state.LetGo.TryGetValue(spec.Id, out var foreign) && !foreign.Owned)
            return true;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(c);
        deadline.CancelAfter(InspectDeadline);
        return await hypervisor.FindAsync(spec, deadline.Token) is not null;
    }

    private static async Task<object> AdoptAsync(
        HostGateway host, IHypervisor hypervisor, string name, AdoptVmRequest request, CancellationToken c)
    {
        var id = Specs.IdOf(name);
        var policy = new Core.Vms.VmPolicy(
            Specs.SizeOf("min", request.MinBytes), Specs.SizeOf("max", request.MaxBytes), request.Shares
            ?? Core.Vms.VmPolicy.DefaultShares);
        if (policy.Fault() is { } fault)
            throw new SpecException($"{id}: {fault}");
        if (Views.VmOf(await host.StatusAsync(c), id, Now) is not null)
            return new HostProtocol.Refused(
                HostProtocol.RefusalKind.Conflict, $"there is a VM {id} on this host already; use another name");

        // What is on lease comes back as soon as the VMs have heard of it, and what was read may be out of date: it is read again then.
        for (var tries = 20; ; tries--)
        {
            var answer = await host.CommandAsync(await ReadAsync(request.Qmp), c);
            if (tries == 1 || answer is not HostProtocol.Refused { Soon: true })
                return answer;
            await Task.Delay(TimeSpan.FromMilliseconds(100), c);
        }

        async Task<HostProtocol.AdoptVm> ReadAsync(string socket)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(c);
            deadline.CancelAfter(InspectDeadline);
            var began = Now.Now;
            var handle = await hypervisor.InspectAsync(id, socket, deadline.Token);
            var (sizes, cost, notes) = await LookAsync(hypervisor, handle, deadline.Token);
            return new(handle, policy, sizes.Ceiling, cost?.Overhead ?? MemorySize.FromMiB(64))
            {
                ReadAt = began,
                Returnable = (sizes.Base + sizes.PluggedMost).MinusOrZero(sizes.Ceiling),
                Resident = cost is null ? null : new(cost.Resident, began),
                LaunchedAs = hypervisor.LaunchedAs(handle),
                Notes = notes,
            };
        }
    }

    /// <summary>
    /// Asks for the sizes and the cost of a VM before it is adopted, because the ledger refuses a VM that does not fit. The VM may be
    /// in the middle of a growth that somebody else asked for.
    /// </summary>
    private static async Task<(VmSizes Sizes, HostCost? Cost, ImmutableArray<string> Notes)> LookAsync(
        IHypervisor hypervisor, VmHandle handle, CancellationToken c)
    {
        await using var vm = await hypervisor.ConnectAsync(handle, _ => { }, c);
        var sizes = await vm.TakeStockAsync(c);
        string?[] notes =
        [
            vm.Capabilities.Keeps is { } keeps ? $"its balloon returns no memory to the host: {keeps}" : null, vm.Doubt, .. vm.Remarks,
        ];
        return (sizes, await vm.MeasureAsync(c), [.. notes.OfType<string>()]);
    }

    private static async Task StreamAsync(HostGateway host, DateTimeOffset? since, long after, HttpContext http)
    {
        var c = http.RequestAborted;
        var channel = Channel.CreateBounded<Numbered>(1_000);
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        host.Events.Tell(new EventLogActor.Follow(channel.Writer));
        try
        {
            // Follow first and read the past then, so that no event is lost between the two. An event that comes twice is known by its
            // number.
            var last = after;
            foreach (var past in (await host.EventsAsync(since, after, c)).Items)
            {
                await WriteAsync(http.Response, past, c);
                last = past.Sequence;
            }

            await http.Response.Body.FlushAsync(c);
            await foreach (var next in channel.Reader.ReadAllAsync(c))
            {
                if (next.Sequence <= last)
                    continue;
                await WriteAsync(http.Response, next, c);
                await http.Response.Body.FlushAsync(c);
            }
        }
        catch (OperationCanceledException) when (c.IsCancellationRequested)
        {
            // The reader closed the connection: the normal end of a stream.
        }
        finally
        {
            host.Events.Tell(new EventLogActor.Unfollow(channel.Writer));
        }
    }

    private static Task WriteAsync(HttpResponse response, Numbered e, CancellationToken c)
    {
        var view = Views.EventOf(e);
        return response.WriteAsync(
            $"id: {view.Sequence}\nevent: {view.Kind}\ndata: {JsonSerializer.Serialize(view, ContractJson.Options)}\n\n", c);
    }

    private static MemorySize? Size(string what, long? bytes) => bytes is { } b ? Specs.SizeOf(what, b) : null;

    private static async ValueTask<object?> ReadOnlyOverTcp(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        return ErrorBodies.IsOverTcp(http) && !HttpMethods.IsGet(http.Request.Method)
            ? Answers.Error(403, "over TCP, DMM answers only queries; make changes through its Unix socket (dmm.socket)", "refused")
            : await next(context);
    }
}
