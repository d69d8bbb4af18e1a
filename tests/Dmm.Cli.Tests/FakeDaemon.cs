using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dmm.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Dmm.Cli.Tests;

/// <summary>
/// The interface of a daemon: HTTP on a Unix socket in a folder of its own. A test sets the answers and reads the requests.
/// </summary>
internal sealed class FakeDaemon : IAsyncDisposable
{
    /// <summary>The daemon may also answer with fields that the contracts do not know.</summary>
    public static readonly JsonSerializerOptions Json = new(ContractJson.Options) { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };

    private readonly ConcurrentDictionary<string, RequestDelegate> _answers = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dmm-cli-");
    private WebApplication? _app;
    private RequestDelegate? _any;

    private FakeDaemon()
    {
    }

    public string Folder => _folder.FullName;

    public string Socket => Path.Combine(_folder.FullName, "dmm.sock");

    /// <summary>The requests, each as <c>METHOD path?query body</c>.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public static async Task<FakeDaemon> StartAsync()
    {
        var daemon = new FakeDaemon();
        await daemon.ListenAsync();
        return daemon;
    }

    public async Task ListenAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(Socket));
        _app = builder.Build();
        _app.Run(AnswerAsync);
        await _app.StartAsync();
    }

    public FakeDaemon On(string methodAndPath, object answer, HttpStatusCode status = HttpStatusCode.OK) => On(methodAndPath, context =>
    {
        context.Response.StatusCode = (int)status;
        return context.Response.WriteAsJsonAsync(answer, answer.GetType(), Json);
    });

    /// <summary>Answers requests for events as the daemon does: those <c>after</c> a number, or the <c>last</c> ones.</summary>
    /// <param name="later">The events that happen once the command has asked for the number of the last event.</param>
    public FakeDaemon Events(EventView[] past, params EventView[] later)
    {
        var marked = 0;
        return On("GET /api/v1/events", context =>
        {
            var query = context.Request.Query;
            var events = Volatile.Read(ref marked) == 0 ? past : [.. past, .. later];
            if (query.TryGetValue("last", out var last))
            {
                Interlocked.Increment(ref marked);
                events = [.. events.TakeLast(int.Parse(last!, CultureInfo.InvariantCulture))];
            }

            if (query.TryGetValue("after", out var after))
                events = [.. events.Where(e => e.Sequence > long.Parse(after!, CultureInfo.InvariantCulture))];
            return context.Response.WriteAsJsonAsync(events, Json);
        });
    }

    public FakeDaemon On(string methodAndPath, RequestDelegate answer)
    {
        _answers[methodAndPath] = answer;
        return this;
    }

    /// <summary>Answers every request that has no answer of its own.</summary>
    public FakeDaemon OnAll(RequestDelegate answer)
    {
        _any = answer;
        return this;
    }

    /// <summary>Ends every connection at once, as when a daemon is killed.</summary>
    public async Task KillAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app!.StopAsync(now.Token);
        await _app.DisposeAsync();
        File.Delete(Socket);
        _app = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
            await KillAsync();
        _folder.Delete(recursive: true);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        var route = $"{context.Request.Method} {context.Request.Path}";
        Requests.Enqueue($"{route}{context.Request.QueryString} {body}".TrimEnd());
        if (_answers.GetValueOrDefault(route, _any!) is { } answer)
        {
            await answer(context);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        await context.Response.WriteAsync(
            JsonSerializer.Serialize(new ErrorView($"the fake daemon has no {route}", "notFound"), Json));
    }
}
