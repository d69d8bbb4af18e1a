using System.Globalization;
using System.Text;
using Dmm.Core;

namespace Dmm.Fuzz.Targets;

/// <summary>Requests to the daemon: with a changed body, path or query, which are whole; or changed anywhere.</summary>
internal static class HttpSamples
{
    private static readonly (string Verb, string Path, string Body)[] Requests =
    [
        ("GET", "/api/v1/host", ""),
        ("GET", "/api/v1/vms", ""),
        ("GET", "/api/v1/vms/a", ""),
        ("GET", "/api/v1/vms/a/explain?at=2026-01-01T00:00:00Z", ""),
        ("GET", "/api/v1/events?last=3&after=1&since=2026-01-01T00:00:00Z", ""),
        ("GET", "/metrics", ""),
        ("GET", "/ready", ""),
        ("POST", "/api/v1/vms?dryRun=true", """{"name":"b","minBytes":134217728,"bootBytes":268435456,"maxBytes":1073741824}"""),
        ("POST", "/api/v1/vms", """{"name":"a","minBytes":67108864,"bootBytes":67108864,"maxBytes":134217728,"timeoutSeconds":5}"""),
        ("POST", "/api/v1/vms", """
            {"name":"c","minBytes":67108864,"bootBytes":134217728,"maxBytes":134217728,"cpus":2,"restart":"onFailure","bootCheck":"none",
             "priority":3,"bootPolicy":"early","network":"none",
             "channels":[{"name":"org.x","socket":"/tmp/x"}],"deadline":"2030-01-01T00:00:00Z"}
            """),
        ("POST", "/api/v1/vms/x/adopt", """{"qmp":"/run/x.sock","minBytes":134217728,"maxBytes":1073741824,"shares":10}"""),
        ("PATCH", "/api/v1/vms/a", """{"minBytes":67108864,"maxBytes":268435456,"shares":50,"restart":"never"}"""),
        ("POST", "/api/v1/vms/a/resize", """{"bytes":134217728}"""),
        ("POST", "/api/v1/vms/a/stop", """{"graceSeconds":0,"kill":true}"""),
        ("POST", "/api/v1/vms/c/stop", """{"graceSeconds":1.5}"""),
        ("POST", "/api/v1/vms/a/start", """{"timeoutSeconds":3,"force":false}"""),
        ("POST", "/api/v1/vms/c/forget", ""),
        ("DELETE", "/api/v1/vms/a", ""),
        ("HEAD", "/api/v1/host", ""),
    ];

    private static readonly Mutator Bodies = Of(
        Requests.Where(r => r.Body.Length > 0).Select(r => r.Body),
        "\"name\":", "\"maxBytes\":", "null", "{}", "[]", "\"channels\":[null]", "\"channels\":[{}]", "\"graceSeconds\":1e308",
        "\"kill\":true",
        "\"deadline\":\"0001-01-01T00:00:00Z\"", "\"timeoutSeconds\":-1", "\"qmp\":\"\\u0000\"", "\"shares\":2147483647");

    private static readonly Mutator Paths = Of(
        Requests.Select(r => r.Path), "/vms/", "/adopt", "/explain", "?at=", "&last=", "since=", "after=", "%2e%2e", "%00", "//",
        "dryRun=true");

    private static readonly Mutator Whole = Of(
        Requests.Select(r => Encoding.ASCII.GetString(Request(r.Verb, r.Path, Encoding.UTF8.GetBytes(r.Body)))),
        "HTTP/1.1", "HTTP/2.0", "\r\n\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
        "Expect: 100-continue\r\n",
        "Host: \r\n", "Connection: close\r\n", "Connection: upgrade\r\n", "5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n",
        "Cookie: a=b\r\n");

    public static byte[] Make(SeededRandom random)
    {
        var (verb, path, body) = random.Of<(string Verb, string Path, string Body)>(Requests);
        var (its, bytes) = (Encoding.ASCII.GetBytes(path), Encoding.UTF8.GetBytes(body));
        switch (random.Below(10))
        {
            case < 5 when bytes.Length > 0:
                bytes = Bodies.Mutate(random, bytes);
                break;
            case < 8:
                // Within the request's line, or it would not be whole.
                its = [.. Paths.Mutate(random, its).Take(2_000).Select(b => b is > 32 and < 127 ? b : (byte)'+')];
                if (its.Length == 0 || its[0] != (byte)'/')
                    its = [(byte)'/', .. its];
                break;
            default:
                return Whole.Mutate(random, Request(verb, path, bytes));
        }

        return Request(verb, Encoding.ASCII.GetString(its), bytes);
    }

    private static byte[] Request(string verb, string path, byte[] body) =>
    [
        .. Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"{verb} {path} HTTP/1.1\r\nHost: dmm\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n")),
        .. body,
    ];

    private static Mutator Of(IEnumerable<string> samples, params string[] tokens) =>
        new([.. samples.Select(Encoding.UTF8.GetBytes)], [.. tokens.Select(Encoding.UTF8.GetBytes)]);
}
