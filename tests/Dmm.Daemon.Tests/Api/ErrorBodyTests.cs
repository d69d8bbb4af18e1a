using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dmm.Contracts;
using Dmm.Daemon.Api;

namespace Dmm.Daemon.Tests.Api;

/// <summary>
/// Every error has its JSON body in plain words, whether a route, the routing or the web server finds it; and a request is refused where
/// something in it is not known. One daemon serves all tests, since a refusal changes nothing.
/// </summary>
public sealed partial class ErrorBodyTests(RunningDaemon daemon) : IClassFixture<RunningDaemon>
{
    private const string Vm = """
        "name":"x","minBytes":1,"bootBytes":3,"maxBytes":3
        """;

    [Theory]
    [InlineData("GET", "/", 404, "notFound",
        "there is no / here; all routes begin with /api/v1 or /cluster, besides /alive, /ready and /metrics")]
    [InlineData("GET", "/api/v1/vm", 404, "notFound", "there is no /api/v1/vm here; *")]
    [InlineData("DELETE", "/api/v1/vms", 405, "invalid", "DELETE is not possible at /api/v1/vms; possible is GET, POST")]
    [InlineData("PUT", "/ready", 405, "invalid", "PUT is not possible at /ready; possible is GET")]
    [InlineData("GET", "/api/v1/events?since=garbage", 400, "invalid", "since is 'garbage'; it must be a time such as *")]
    [InlineData("GET", "/api/v1/events/stream?since=", 400, "invalid", "since is ''; it must be a time such as *")]
    [InlineData("GET", "/api/v1/events/stream?after=x", 400, "invalid", "after is 'x'; it must be a whole number from 0 to *")]
    [InlineData("GET", "/api/v1/events?after=99999999999999999999", 400, "invalid", "after is '99999999999999999999'; it must be *")]
    [InlineData("GET", "/api/v1/events?last=-1", 400, "invalid", "last is '-1'; it must be a whole number from 0 to *")]
    [InlineData("GET", "/api/v1/events?last=1&last=2", 400, "invalid", "the parameter last is given more than once")]
    [InlineData("GET", "/api/v1/events?afterwards=1", 400, "invalid",
        "GET /api/v1/events has no parameter 'afterwards'; there are since, after, last")]
    [InlineData("GET", "/api/v1/host?verbose=1", 400, "invalid", "GET /api/v1/host has no parameter 'verbose'; it has none")]
    [InlineData("GET", "/api/v1/vms/a/explain?at=x", 400, "invalid", "at is 'x'; it must be a time such as *")]
    [InlineData("GET", "/api/v1/vms/a/explain?at=2100-01-01T00:00:00Z", 400, "invalid",
        "at is 2100-01-01T00:00:00Z, which is in the future; only past decisions can be explained")]
    [InlineData("POST", "/api/v1/vms?dryRun=maybe", 400, "invalid", "dryRun is 'maybe'; it must be true or false")]
    [InlineData("POST", "/api/v1/vms?dry-run=true", 400, "invalid", "POST /api/v1/vms has no parameter 'dry-run'; there is dryRun")]
    [InlineData("GET", "/api/v1/vms/a%0Ab", 400, "invalid", "'a⏎b' is not a VM name; *")]
    public async Task A_request_that_can_not_be_answered_says_why(string method, string path, int status, string kind, string error)
    {
        using var request = new HttpRequestMessage(new(method), $"http://dmm{path}");
        using var response = await daemon.Daemon.Client.SendAsync(request);
        await HasErrorAsync(response, status, kind, error);
    }

    [Theory]
    [InlineData("vms", "", "the body is empty; it must be a JSON object with name, *")]
    [InlineData("vms", "{}", "the body lacks name, minBytes, bootBytes, maxBytes")]
    [InlineData("vms", "[]", "the body is a list; it must be a JSON object with name, *")]
    [InlineData("vms", "null", "the body is null; it must be a JSON object with name, *")]
    [InlineData("vms", "{\"name\":\"x\",", "the body is no JSON: *")]
    [InlineData("vms", "{" + Vm + ",\"minBytes\":2}", "the body has the member minBytes more than once")]
    [InlineData("vms", "{" + Vm + ",\"MINBYTES\":2}", "the body has the member minBytes more than once")]
    [InlineData("vms", "{" + Vm + ",\"share\":2}", "the body has an unknown member 'share'; did you mean shares?")]
    [InlineData("vms", "{" + Vm + ",\"cpus\":1.5}", "cpus is 1.5; it must be a whole number up to 2147483647")]
    [InlineData("vms", "{" + Vm + ",\"kernel\":{}}", "kernel is an object; it must be a text")]
    [InlineData("vms", "{" + Vm + ",\"deadline\":\"soon\"}", "deadline is \"soon\"; it must be a time such as 2026-01-31T08:00:00Z")]
    [InlineData("vms", "{" + Vm + ",\"channels\":[{\"name\":\"a\",\"sock\":\"/b\"}]}",
        "channels[0] has an unknown member 'sock'; did you mean socket?")]
    [InlineData("vms", "{" + Vm + ",\"channels\":[{\"name\":\"a\"}]}", "channels[0] lacks socket")]
    [InlineData("vms", "{" + Vm + ",\"channels\":[null]}", "channels[0] is null; it must be a JSON object with name, socket")]
    [InlineData("vms", "{" + Vm + ",\"channels\":{}}", "channels is an object; it must be a list of objects")]
    [InlineData("vms", "{\"name\":null,\"minBytes\":1,\"bootBytes\":1,\"maxBytes\":1}", "name is null; it must be a text")]
    [InlineData("vms", "{\"name\":\"x\",\"minBytes\":1e99,\"bootBytes\":1,\"maxBytes\":1}",
        "minBytes is 1e99; it must be a whole number up to 9223372036854775807")]
    [InlineData("vms/a/adopt", "{}", "the body lacks qmp, minBytes, maxBytes")]
    [InlineData("vms/a/resize", "{}", "the body lacks bytes")]
    [InlineData("vms/a/resize", "{\"byts\":1}", "the body has an unknown member 'byts'; did you mean bytes?")]
    [InlineData("vms/a/resize", "{\"size\":1}", "the body has an unknown member 'size'; there is bytes")]
    [InlineData("vms/a/stop", "{\"kil\":true}", "the body has an unknown member 'kil'; did you mean kill?")]
    [InlineData("vms/a/stop", "{\"kill\":\"yes\"}", "kill is \"yes\"; it must be true or false")]
    [InlineData("vms/a/start", "{\"timeoutSeconds\":[1]}", "timeoutSeconds is a list; it must be a number")]
    [InlineData("vms/a/forget", "{\"force\":true}", "the body has a member 'force'; this request has no members, so leave the body empty")]
    [InlineData("PATCH vms/a", "{}", "a: nothing to change; give minBytes, maxBytes, shares or restart")]
    [InlineData("PATCH vms/a", "{\"min\":1}", "the body has an unknown member 'min'; *")]
    public async Task A_body_that_is_not_the_request_is_refused_with_the_member_and_what_would_be_right(
        string route, string body, string error)
    {
        using var response = await SendAsync(route, body, "application/json");
        await HasErrorAsync(response, 400, "invalid", error);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("nonsense")]
    public async Task A_body_of_another_kind_is_not_read_as_JSON(string type)
    {
        using var response = await SendAsync("vms/a/resize", """{"bytes":null}""", type);
        await HasErrorAsync(response, 415, "invalid", $"the Content-Type is '{type}'; it must be application/json, or absent");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/json")]
    [InlineData("application/json; charset=utf-8")]
    public async Task Without_a_type_or_as_JSON_it_is_read(string? type)
    {
        using var response = await SendAsync("vms/a/resize", """{"bytes":null}""", type);
        await HasErrorAsync(response, 404, "notFound", "there is no VM a on this host; *");
    }

    [Theory]
    [InlineData("POST /api/v1/vms", 100 << 20)]
    [InlineData("POST /api/v1/vms/a/forget", 100 << 20)]
    [InlineData("GET /api/v1/host", 100 << 20)]
    [InlineData("POST /api/v1/nowhere", 100 << 20)]
    [InlineData("POST /api/v1/vms", null)]
    [InlineData("PATCH /api/v1/vms/a", null)]
    public async Task A_body_beyond_its_bound_is_refused_whether_its_length_was_told_or_not(string route, int? length)
    {
        var head = length is { } told ? $"Content-Length: {told}" : "Transfer-Encoding: chunked";
        var chunk = $"{Bodies.MaxBytes + 1:x}\r\n{new string(' ', Bodies.MaxBytes + 1)}\r\n0\r\n\r\n";
        var answer = await RawAsync($"{route} HTTP/1.1\r\nHost: dmm\r\nConnection: close\r\n{head}\r\n\r\n{(length is null ? chunk : "")}");
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.Contains("""{"error":"the body is larger than 1 MiB; no request needs that much","kind":"invalid"}""", answer);
    }

    [Fact]
    public async Task An_address_beyond_its_bound_is_refused()
    {
        var answer = await RawAsync(
            $"GET /api/v1/vms/{new string('a', ErrorBodies.LongestAddress)} HTTP/1.1\r\nHost: dmm\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 414 ", answer, StringComparison.Ordinal);
        Assert.Contains("""{"error":"the request's address has 8204 characters; at most 8192 are possible","kind":"invalid"}""", answer);
    }

    [Fact]
    public async Task What_is_repeated_in_an_error_is_short()
    {
        using var response = await daemon.Daemon.Client.GetAsync($"vms/{new string('a', 5_000)}");
        await HasErrorAsync(response, 400, "invalid", $"'{new string('a', 60)}…' is not a VM name; *");
    }

    private Task<HttpResponseMessage> SendAsync(string route, string body, string? type)
    {
        var words = route.Split(' ');
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        var request = new HttpRequestMessage(words.Length > 1 ? new(words[0]) : HttpMethod.Post, words[^1]) { Content = content };
        return daemon.Daemon.Client.SendAsync(request);
    }

    /// <summary>Sends the bytes as they are, and reads until the daemon closes the connection.</summary>
    private async Task<string> RawAsync(string request)
    {
        using var deadline = new CancellationTokenSource(DaemonFixture.Deadline);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(daemon.Daemon.Settings.Socket.Path), deadline.Token);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), deadline.Token);
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (!answer.ToString().EndsWith('}') && await stream.ReadAsync(buffer, deadline.Token) is > 0 and var read)
            answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
        return answer.ToString();
    }

    /// <param name="error">The line; a star at its end stands for the rest.</param>
    private static async Task HasErrorAsync(HttpResponseMessage response, int status, string kind, string error)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal(((HttpStatusCode)status, "application/json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var view = JsonSerializer.Deserialize(text, ContractJson.Of<ErrorView>())!;
        Assert.Equal(kind, view.Kind);
        if (error.EndsWith('*'))
            Assert.StartsWith(error[..^1], view.Error, StringComparison.Ordinal);
        else
            Assert.Equal(error, view.Error);
        Assert.DoesNotMatch(DotNet(), text);
    }

    [GeneratedRegex(@"System\.|Dmm\.|Nullable|Int32|Int64|BytePosition|deserializ|\\n|   at ", RegexOptions.IgnoreCase)]
    private static partial Regex DotNet();
}
