using System.Text.Json.Nodes;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Qmp;

public sealed class QmpClientTests : IDisposable
{
    private static readonly QmpOptions Options = new() { Deadline = TimeSpan.FromSeconds(5), MaxLineLength = 4096, EventCapacity = 8 };

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_command_gets_its_answer_and_the_version_is_known()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            var command = await peer.ReadAsync();
            Assert.Equal("qom-get", command.Name);
            Assert.Equal("/machine", command.Arguments.GetProperty("path").GetString());
            await peer.ReturnAsync(command.Id, "42");
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var answer = await client.ExecuteAsync("qom-get", new JsonObject { ["path"] = "/machine" }, default).InTime();

        Assert.Equal(42, answer.GetInt32());
        Assert.Equal("7.2.22", client.Version);
        Assert.Equal(Environment.ProcessId, client.PeerPid);
    }

    [Fact]
    public async Task Answers_in_another_order_find_their_commands()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            var commands = new List<FakeQmpServer.Command>();
            while (commands.Count < 5)
                commands.Add(await peer.ReadAsync());
            commands.Reverse();
            foreach (var command in commands)
                await peer.ReturnAsync(command.Id, $"\"{command.Name}\"");
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var asked = Enumerable.Range(0, 5).Select(i => client.ExecuteAsync($"c{i}", null, default)).ToArray();
        var answers = await Task.WhenAll(asked).InTime();

        Assert.Equal(["c0", "c1", "c2", "c3", "c4"], answers.Select(a => a.GetString()));
    }

    [Fact]
    public async Task QEMU_refuses_in_its_own_words()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.RefuseAsync((await peer.ReadAsync()).Id, "DeviceNotActive", "No balloon device has been activated");
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var refused = await Assert.ThrowsAsync<QmpRefusedException>(() => client.ExecuteAsync("query-balloon", null, default).InTime());

        Assert.Equal("DeviceNotActive", refused.ErrorClass);
        Assert.Equal("QEMU refused query-balloon: No balloon device has been activated", refused.Message);
    }

    [Fact]
    public async Task A_socket_that_says_nothing_is_told_to_be_no_QMP_socket_or_a_busy_one()
    {
        await using var server = Serve(peer => peer.BeSilentAsync());

        var connecting = ConnectAsync(server);
        await Eventually.UntilAsync(() => server.Connections == 1, "the connection");
        await AdvanceUntilDoneAsync(connecting);

        var e = await Assert.ThrowsAsync<QmpUnreachableException>(() => connecting.InTime());
        Assert.Contains("no QMP greeting within 5 s", e.Message, StringComparison.Ordinal);
        Assert.Contains("another client holds it", e.Message, StringComparison.Ordinal);
        Assert.True(e.Retry);
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2")]
    [InlineData("{\"hello\": 1}\n", "JSON that is not a QMP message")]
    [InlineData("[1, 2]\n", "JSON that is not a QMP message")]
    [InlineData("{\"event\": \"STOP\"}\n", "it sent a message before the QMP greeting")]
    [InlineData("{\"return\": {}, \"id\": 1}\n", "it sent a message before the QMP greeting")]
    [InlineData("\u001b[2J\u0007evil\n", "?[2J?evil")]
    public async Task Somebody_elses_server_is_recognized(string words, string expected)
    {
        await using var server = Serve(async peer =>
        {
            await peer.SendRawAsync(words);
            await peer.BeSilentAsync();
        });

        var e = await Assert.ThrowsAsync<QmpUnreachableException>(() => ConnectAsync(server).InTime());

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains(server.Path, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', e.Message);
        Assert.False(e.Retry);
    }

    [Fact]
    public async Task A_server_that_closes_at_once_is_no_QMP_server()
    {
        await using var server = Serve(_ => Task.CompletedTask);

        var e = await Assert.ThrowsAsync<QmpUnreachableException>(() => ConnectAsync(server).InTime());

        Assert.Contains("closed without a QMP greeting", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_the_socket_is_said_so()
    {
        var missing = await Assert.ThrowsAsync<SocketUnreachableException>(() => ReachAsync(_folder.In("none")));
        Assert.Contains("there is no such socket", missing.Message, StringComparison.Ordinal);
        Assert.True(missing.NobodyListens);

        var file = await Assert.ThrowsAsync<SocketUnreachableException>(() => ReachAsync(_folder.File("file")));
        Assert.Contains("nobody listens at this socket", file.Message, StringComparison.Ordinal);

        var tooLong = await Assert.ThrowsAsync<SocketUnreachableException>(() => ReachAsync("/" + new string('x', 107)));
        Assert.Contains("108 bytes", tooLong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slow_answer_meets_its_deadline_and_the_connection_goes_on()
    {
        var late = new TaskCompletionSource();
        var received = new TaskCompletionSource();
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            var slow = await peer.ReadAsync();
            received.SetResult();
            await late.Task;
            await peer.ReturnAsync(slow.Id, "\"too late\"");
            await peer.ReturnAsync((await peer.ReadAsync()).Id, "\"in time\"");
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var slow = client.ExecuteAsync("slow", null, default);
        await received.Task.InTime();
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(slow.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        var e = await Assert.ThrowsAsync<QmpTimeoutException>(() => slow.InTime());
        Assert.Contains("did not answer slow within 5 s", e.Message, StringComparison.Ordinal);

        late.SetResult();
        Assert.Equal("in time", (await client.ExecuteAsync("next", null, default).InTime()).GetString());
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_cancelled_not_timed_out()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);
        using var cancel = new CancellationTokenSource();

        var call = client.ExecuteAsync("slow", null, cancel.Token);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.InTime());
    }

    [Fact]
    public async Task Closing_in_the_middle_of_an_answer_fails_all_that_wait()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.ReadAsync();
            await peer.ReadAsync();
            await peer.SendRawAsync("""{"return": {"half""");
        });
        await using var client = await ConnectAsync(server);

        var first = client.ExecuteAsync("first", null, default);
        var second = client.ExecuteAsync("second", null, default);

        await Assert.ThrowsAsync<QmpClosedException>(() => first.InTime());
        await Assert.ThrowsAsync<QmpClosedException>(() => second.InTime());
        Assert.Contains("closed the connection", await client.Closed.InTime(), StringComparison.Ordinal);
        await Assert.ThrowsAsync<QmpClosedException>(() => client.ExecuteAsync("third", null, default).InTime());
    }

    [Fact]
    public async Task A_monitor_that_writes_on_many_lines_is_understood()
    {
        await using var server = Serve(async peer =>
        {
            await peer.SendAsync(Pretty(FakeQmpServer.Greeting));
            await peer.SendAsync(Pretty($$"""{"return": {}, "id": {{(await peer.ReadAsync()).Id}}}"""));
            var command = await peer.ReadAsync();
            await peer.SendAsync(Pretty("""{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}"""));
            await peer.SendAsync(Pretty($$"""{"return": {"actual": 42, "list": [{}, [], {"a": "}{\"]["}]}, "id": {{command.Id}}}"""));
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var answer = await client.ExecuteAsync("query-balloon", null, default).InTime();

        Assert.Equal(("7.2.22", 42), (client.Version, answer.GetProperty("actual").GetInt32()));
        Assert.Equal("STOP", (await client.Events.ReadAsync().AsTask().InTime()).Name);
    }

    [Fact]
    public async Task Half_lines_are_put_together()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            var command = await peer.ReadAsync();
            foreach (var c in $$"""{"return": "whole", "id": {{command.Id}}}""" + "\r\n")
                await peer.SendRawAsync(c.ToString());
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        Assert.Equal("whole", (await client.ExecuteAsync("split", null, default).InTime()).GetString());
    }

    [Theory]
    [InlineData("not json at all", "text that is not JSON: 'not json at all'")]
    [InlineData("""{"return": {}, "id": 999}""", "answered command 999, which DMM did not send")]
    [InlineData("""{"return": {}}""", "JSON that is not a QMP message")]
    [InlineData("""{"error": {"class": "GenericError", "desc": "JSON parse error"}}""", "could not read a command: JSON parse error")]
    [InlineData(FakeQmpServer.Greeting, "greeted twice")]
    [InlineData("""{"event": "\ud800"}""", "JSON with a text that can't be decoded")]
    [InlineData("""{"\ud800": {}}""", "JSON with a text that can't be decoded")]
    [InlineData("""{"id": 2, "error": {"class": "\udc00", "desc": 1}}""", "JSON with a text that can't be decoded")]
    [InlineData("""{"return": {}, "id": 1e99}""", "JSON that is not a QMP message")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "text that is not JSON")]
    public async Task A_surprise_ends_the_connection_with_what_was_found(string surprise, string expected)
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.ReadAsync();
            await peer.SendAsync(surprise);
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var e = await Assert.ThrowsAsync<QmpClosedException>(() => client.ExecuteAsync("ask", null, default).InTime());

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_without_end_is_not_kept()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.ReadAsync();
            await peer.SendAsync(new string('x', Options.MaxLineLength + 1));
            await peer.BeSilentAsync();
        });
        await using var client = await ConnectAsync(server);

        var e = await Assert.ThrowsAsync<QmpClosedException>(() => client.ExecuteAsync("ask", null, default).InTime());

        Assert.Contains("longer than 4096 bytes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flood_of_events_holds_no_answer_up_and_is_counted()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            var command = await peer.ReadAsync();
            for (var i = 0; i < 1000; i++)
                await peer.TellAsync("BALLOON_CHANGE", $$"""{"actual": {{i}}}""");
            await peer.ReturnAsync(command.Id);
        });
        await using var client = await ConnectAsync(server);

        await client.ExecuteAsync("ask", null, default).InTime();
        await client.Closed.InTime();

        var kept = new List<QmpEvent>();
        await foreach (var e in client.Events.ReadAllAsync())
            kept.Add(e);
        Assert.Equal(8, kept.Count);
        Assert.Equal(999, kept[^1].Data.GetProperty("actual").GetInt32());
        Assert.Equal(992, client.DroppedEvents);
    }

    [Fact]
    public async Task More_commands_than_can_wait_are_refused_at_once()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.BeSilentAsync();
        });
        await using var client = await QmpClient.ConnectAsync(server.Path, Options with { MaxInFlight = 2 }, _time, default).InTime();

        var waiting = new[] { client.ExecuteAsync("a", null, default), client.ExecuteAsync("b", null, default) };
        var e = await Assert.ThrowsAsync<HypervisorException>(() => client.ExecuteAsync("c", null, default).InTime());

        Assert.Contains("c was not sent", e.Message, StringComparison.Ordinal);
        await client.DisposeAsync();
        foreach (var call in waiting)
            await Assert.ThrowsAsync<QmpClosedException>(() => call.InTime());
    }

    [Fact]
    public async Task Letting_go_ends_everything_and_may_be_said_twice()
    {
        await using var server = Serve(async peer =>
        {
            await peer.GreetAsync();
            await peer.BeSilentAsync();
        });
        var client = await ConnectAsync(server);
        var call = client.ExecuteAsync("ask", null, default);

        await client.DisposeAsync();
        await client.DisposeAsync();

        await Assert.ThrowsAsync<QmpClosedException>(() => call.InTime());
        await client.Events.Completion.InTime();
        Assert.Contains("DMM closed the connection", await client.Closed.InTime(), StringComparison.Ordinal);
    }

    private static string Pretty(string json) => JsonNode.Parse(json)!.ToJsonString(new() { WriteIndented = true });

    private FakeQmpServer Serve(Func<FakeQmpServer.Connection, Task> behave) => new(_folder.In("qmp.sock"), behave);

    private Task<QmpClient> ConnectAsync(FakeQmpServer server) => ReachAsync(server.Path);

    private Task<QmpClient> ReachAsync(string path) => QmpClient.ConnectAsync(path, Options, _time, default).InTime();

    private Task AdvanceUntilDoneAsync(Task task) => Eventually.UntilAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return task.IsCompleted;
        },
        "the deadline");
}
