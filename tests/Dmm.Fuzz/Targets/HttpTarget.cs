using System.Text.Json;
using Dmm.Core;
using Dmm.Daemon.Hosting;
using Dmm.Settings;
using Microsoft.AspNetCore.Builder;

namespace Dmm.Fuzz.Targets;

/// <summary>
/// What comes to the daemon's socket: the whole daemon with the simulated hypervisor. Every answer is well-formed; none of them says that
/// the daemon failed; bodies of JSON can be read, and errors name their kind; the daemon still answers afterwards.
/// </summary>
internal sealed class HttpTarget : IFuzzTarget
{
    /// <summary>The web server's own answers to what it does not know: another transfer coding, another version of HTTP.</summary>
    private const int NotImplemented = 501;

    private const int VersionNotSupported = 505;

    private static readonly SemaphoreSlim Starting = new(1, 1);

    private readonly DirectoryInfo _folder;
    private readonly WebApplication _app;
    private readonly StateDirectory _state;
    private readonly string _path;
    private readonly bool _jsonErrors;
    private HttpWire? _kept;

    private HttpTarget(DirectoryInfo folder, StateDirectory state, WebApplication app, string path, bool jsonErrors) =>
        (_folder, _state, _app, _path, _jsonErrors) = (folder, state, app, path, jsonErrors);

    public int LiveEvery => 256;

    /// <param name="jsonErrors">Whether each error that answers a well-formed request must have a body of JSON.</param>
    public static async Task<HttpTarget> StartAsync(bool jsonErrors)
    {
        var folder = Directory.CreateDirectory(
            Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"dmm-fuzz-{Guid.NewGuid():N}"));
        var settings = DmmSettings.Parse(
            $$"""
            dmm {
              hypervisor = simulation, state-dir = "{{folder.FullName}}/s", socket = "{{folder.FullName}}/d.sock"
              host { memory = 2GiB, reserve = 128MiB, cushion = 64MiB }, simulation.boot-time = 50ms
            }
            """,
            "fuzz.conf");
        var state = StateDirectory.Hold(settings.StateDir);
        var app = await StartQuietlyAsync(settings);
        var target = new HttpTarget(folder, state, app, settings.Socket.Path, jsonErrors);
        await target.UntilReadyAsync();
        return target;
    }

    public byte[] Make(SeededRandom random) => HttpSamples.Make(random);

    /// <summary>The daemon's threads do the work: what a run allocates for good is measured at its end.</summary>
    public long MostAllocated(byte[] input) => long.MaxValue;

    public async Task<string?> TryAsync(byte[] input, bool live) =>
        (HttpWire.IsWhole(input) ? await KeptAsync(input) : await AloneAsync(input)) ?? (live ? await AnswersAsync() : null);

    public async ValueTask DisposeAsync()
    {
        _kept?.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _state.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>Starts a daemon that writes no log: a line for each refused request would be longer than all requests.</summary>
    private static async Task<WebApplication> StartQuietlyAsync(DmmSettings settings)
    {
        await Starting.WaitAsync();
        var output = Console.Out;
        try
        {
            Console.SetOut(TextWriter.Null);
            var app = DaemonApp.Build(settings);
            await app.StartAsync();
            return app;
        }
        finally
        {
            Console.SetOut(output);
            Starting.Release();
        }
    }

    private async Task UntilReadyAsync()
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            using var wire = HttpWire.Connect(_path);
            await wire.SendAsync("GET /ready HTTP/1.1\r\nHost: dmm\r\n\r\n"u8.ToArray());
            if ((await wire.ReadAsync(head: false)).Answer?.Status == 200)
                return;
            await Task.Delay(20, late.Token);
        }
    }

    /// <summary>Sends one whole request through the connection that is kept open.</summary>
    private async Task<string?> KeptAsync(byte[] input)
    {
        _kept ??= HttpWire.Connect(_path);
        await _kept.SendAsync(input);
        var (answer, fault) = await _kept.ReadAsync(HttpWire.IsHead(input));
        if (answer is null || answer.Closes)
        {
            _kept.Dispose();
            _kept = null;
        }

        return fault ?? (answer is null ? "got no answer" : FaultOf(answer, whole: true));
    }

    /// <summary>
    /// Sends bytes that may be no request, part of one or several, and reads all answers until the daemon closes or waits for more.
    /// </summary>
    private async Task<string?> AloneAsync(byte[] input)
    {
        using var wire = HttpWire.Connect(_path);
        await wire.SendAsync([.. input, .. "\r\n\r\nGET /alive HTTP/1.1\r\nHost: dmm\r\nConnection: close\r\n\r\n"u8]);
        while (true)
        {
            var (answer, fault) = await wire.ReadSoonAsync(HttpWire.IsHead(input));
            if (fault is not null || answer is null)
                return fault;
            if (FaultOf(answer, whole: false) is { } broken)
                return broken;
            if (answer.Closes)
                return null;
        }
    }

    private async Task<string?> AnswersAsync()
    {
        using var wire = HttpWire.Connect(_path);
        await wire.SendAsync("GET /api/v1/host HTTP/1.1\r\nHost: dmm\r\n\r\n"u8.ToArray());
        var (answer, fault) = await wire.ReadAsync(head: false);
        return fault ?? (answer is { Status: 200 } ? FaultOf(answer, whole: true) : $"left a daemon that answers {answer}");
    }

    private string? FaultOf(HttpAnswer answer, bool whole)
    {
        if (answer.Status is >= 500 and not (NotImplemented or VersionNotSupported))
            return $"was answered {answer}";
        if (answer.IsJson)
        {
            try
            {
                using var read = JsonDocument.Parse(answer.Body);
                var isError = read.RootElement is { ValueKind: JsonValueKind.Object } root
                    && root.TryGetProperty("error", out _) && root.TryGetProperty("kind", out _);
                return answer.Status >= 400 && !isError ? $"was answered an error without its words: {answer}" : null;
            }
            catch (JsonException)
            {
                return $"was answered JSON that can't be read: {answer}";
            }
        }

        return whole && _jsonErrors && answer is { Status: >= 400, IsHead: false }
            ? $"was answered an error that is no JSON: {answer}"
            : null;
    }
}
