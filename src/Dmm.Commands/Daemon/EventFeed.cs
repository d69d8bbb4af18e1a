using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Commands.Daemon;

/// <summary>The daemon's events: past ones, and new ones as they come.</summary>
public sealed class EventFeed(DaemonClient daemon, TimeProvider time)
{
    /// <summary>How long a daemon that went away may be away: longer than a restart takes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    public Task<EventView[]> PastAsync(DateTimeOffset? since, CancellationToken cancellation) =>
        daemon.GetAsync<EventView[]>($"api/v1/events{Query(since)}", cancellation);

    /// <summary>Returns the events with a higher number.</summary>
    public Task<EventView[]> AfterAsync(long sequence, CancellationToken cancellation) =>
        daemon.GetAsync<EventView[]>($"api/v1/events?after={sequence}", cancellation);

    /// <summary>
    /// Returns the current end of the events. Later events are found by their number, even if the host's clock is set.
    /// </summary>
    public async Task<EventMark> MarkAsync(CancellationToken cancellation) =>
        new(this, (await daemon.GetAsync<EventView[]>("api/v1/events?last=1", cancellation)).LastOrDefault());

    /// <summary>
    /// Follows the events until <paramref name="cancellation"/>. It waits for a daemon that restarts meanwhile, and returns no event
    /// twice.
    /// </summary>
    /// <param name="lost">Called once each time the daemon goes away.</param>
    /// <exception cref="CommandException">The daemon is not reached at the first try, or stays away too long.</exception>
    public async IAsyncEnumerable<EventView> FollowAsync(
        DateTimeOffset since, Action lost, [EnumeratorCancellation] CancellationToken cancellation)
    {
        EventView? last = null;
        var opened = false;
        while (true)
        {
            var away = time.GetTimestamp();
            HttpResponseMessage? response = null;
            while (response is null)
                (response, last) = await ReopenAsync(since, last, mayBeAway: opened, away, cancellation);
            opened = true;
            using (response)
            {
                await using var items = ReadAsync(response, cancellation).GetAsyncEnumerator(cancellation);
                while (await NextAsync(items, cancellation))
                {
                    var next = items.Current;
                    if (next.Sequence <= last?.Sequence)
                        continue;
                    last = next;
                    yield return next;
                }
            }

            lost();
        }
    }

    /// <summary>
    /// Opens the stream again. Returns no response after a pause where the daemon is away and may be. A daemon that was restarted
    /// numbers its events from 1 again; all its events are new then.
    /// </summary>
    private async Task<(HttpResponseMessage? Response, EventView? Last)> ReopenAsync(
        DateTimeOffset since, EventView? last, bool mayBeAway, long away, CancellationToken cancellation)
    {
        try
        {
            if (last is not null && !await new EventMark(this, last).StandsAsync(cancellation))
                last = null;
            var from = last is not null ? $"?after={last.Sequence}" : mayBeAway ? "" : Query(since);
            return (await daemon.OpenStreamAsync($"api/v1/events/stream{from}", cancellation), last);
        }
        catch (CommandException e) when (mayBeAway && e.ExitCode == ExitCode.Unreachable && time.GetElapsedTime(away) < Patience)
        {
            await Task.Delay(Pause, time, cancellation);
            return (null, last);
        }
    }

    private static async Task<bool> NextAsync(IAsyncEnumerator<EventView> items, CancellationToken cancellation)
    {
        try
        {
            if (await items.MoveNextAsync())
                return true;
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            // The daemon went away, or this follower was cancelled, which breaks the stream in the same way. The check below tells.
        }
        catch (JsonException e)
        {
            throw CommandException.Failed($"dmmd sends an event that this dmm does not understand; are both of one release? ({e.Message})");
        }

        cancellation.ThrowIfCancellationRequested();
        return false;
    }

    private static async IAsyncEnumerable<EventView> ReadAsync(
        HttpResponseMessage response, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellation))
        {
            if (item.Data.Length > 0)
                yield return JsonSerializer.Deserialize(item.Data, ContractJson.Of<EventView>())
                    ?? throw new JsonException("an event is null");
        }
    }

    private static string Query(DateTimeOffset? since) =>
        since is { } at ? $"?since={Uri.EscapeDataString(at.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture))}" : "";
}
