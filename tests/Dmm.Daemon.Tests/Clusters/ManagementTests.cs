using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Dmm.Contracts;
using Dmm.Daemon.Clusters;
using Dmm.Daemon.Tests.Hosting;

namespace Dmm.Daemon.Tests.Clusters;

/// <summary>
/// Route by route: fields and status codes of the Akka Management HTTP API, as its documentation gives them, from a daemon that has
/// founded a cluster by itself.
/// </summary>
public sealed class ManagementTests(ManagementTests.Founder founder) : IClassFixture<ManagementTests.Founder>
{
    private readonly HttpClient _client = founder.Client;

    [Fact]
    public async Task Members_have_the_published_fields()
    {
        var answer = await JsonAsync("/cluster/members");

        Assert.Equal(["leader", "members", "oldest", "oldestPerRole", "selfNode", "unreachable"], Keys(answer));
        var member = answer["members"]!.AsArray().Single()!;
        Assert.Equal(["node", "nodeUid", "roles", "status"], Keys(member));
        Assert.Equal(founder.Address, (string)answer["selfNode"]!);
        Assert.Equal(founder.Address, (string)member["node"]!);
        Assert.Equal("Up", (string)member["status"]!);
        Assert.Matches("^-?[0-9]+$", (string)member["nodeUid"]!);
        Assert.Contains("host", member["roles"]!.AsArray().Select(role => (string)role!));
        Assert.Equal(founder.Address, (string)answer["leader"]!);
        Assert.Equal(founder.Address, (string)answer["oldest"]!);
        Assert.Equal(founder.Address, (string)answer["oldestPerRole"]!["host"]!);
        Assert.Empty(answer["unreachable"]!.AsArray());
    }

    [Fact]
    public async Task A_member_is_found_by_its_whole_address_and_by_its_short_one()
    {
        var (whole, part) = (founder.Address, founder.Address["akka.ssl.tcp://".Length..]);

        Assert.Equal(founder.Address, (string)(await JsonAsync($"/cluster/members/{whole}"))["node"]!);
        Assert.Equal(founder.Address, (string)(await JsonAsync($"/cluster/members/{part}"))["node"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await _client.GetAsync("/cluster/members/dmm@nowhere:1")).StatusCode);
        Assert.Equal(
            "Member [dmm@nowhere:1] not found",
            (string)(await JsonAsync("/cluster/members/dmm@nowhere:1", HttpStatusCode.NotFound))["message"]!);
    }

    [Fact]
    public async Task Seed_nodes_have_the_published_fields()
    {
        var answer = await JsonAsync("/bootstrap/seed-nodes");

        Assert.Equal(["seedNodes", "selfNode"], Keys(answer));
        var seed = answer["seedNodes"]!.AsArray().Single()!;
        Assert.Equal(["node", "status"], Keys(seed));
        Assert.Equal("Up", (string)seed["status"]!);
    }

    [Fact]
    public async Task An_unknown_shard_region_is_not_found() =>
        Assert.Equal(HttpStatusCode.NotFound, (await _client.GetAsync("/cluster/shards/vms")).StatusCode);

    [Theory]
    [InlineData("POST", "/cluster/members", "address=akka.ssl.tcp://dmm@a:1")]
    [InlineData("PUT", "/cluster/members/dmm@a:1", "operation=Down")]
    [InlineData("PUT", "/cluster/members/dmm@a:1", "operation=Leave")]
    [InlineData("DELETE", "/cluster/members/dmm@a:1", "")]
    public async Task A_node_that_is_read_only_changes_nothing(string method, string path, string form)
    {
        using var request = new HttpRequestMessage(new(method), path)
        {
            Content = new StringContent(form, new System.Net.Http.Headers.MediaTypeHeaderValue("application/x-www-form-urlencoded")),
        };

        using var answer = await _client.SendAsync(request);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Contains("dmm.management.read-only", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Domain_events_begin_with_what_is_and_are_of_the_types_that_were_asked_for()
    {
        using var stream = new StreamReader(await _client.GetStreamAsync("/cluster/domain-events?type=MemberEvent"));

        Assert.Equal("event: MemberUp", await stream.ReadLineAsync());
        var data = JsonNode.Parse((await stream.ReadLineAsync())!["data: ".Length..])!;
        Assert.Equal("MemberUp", (string)data["type"]!);
        Assert.Equal(founder.Address, (string)data["member"]!["address"]!);
    }

    [Fact]
    public async Task A_member_that_is_up_is_alive_and_ready()
    {
        Assert.Equal(HttpStatusCode.OK, (await _client.GetAsync("/alive")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _client.GetAsync("/ready")).StatusCode);
    }

    [Fact]
    public async Task The_cluster_is_shown_by_the_names_of_its_nodes()
    {
        var view = (await _client.GetFromJsonAsync<ClusterView>("/api/v1/cluster", ContractJson.Options))!;

        Assert.Equal(("first", founder.Address, "first", "first"), (view.Node, view.Address, view.Leader, view.Oldest));
        Assert.Equal("up", Assert.Single(view.Members).State);
        Assert.NotNull(view.CertificateEnds);
    }

    [Theory]
    [InlineData("leave", "{\"node\":\"nobody\"}", HttpStatusCode.NotFound, "there is no node nobody in the cluster")]
    [InlineData("down", "{\"node\":\"No Body\"}", HttpStatusCode.BadRequest, "'No Body' is not a node's name")]
    [InlineData("down", "{}", HttpStatusCode.BadRequest, "node")]
    [InlineData("join", "", HttpStatusCode.Conflict, "was not told to leave")]
    public async Task An_order_that_can_not_be_carried_out_says_why(string order, string body, HttpStatusCode status, string why)
    {
        using var answer = await _client.PostAsync(
            $"/api/v1/cluster/{order}", body.Length == 0 ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(why, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>A cluster of one that was left is founded again after twenty seconds.</summary>
    [Fact]
    [Trait(Category.Name, Category.Long)]
    public async Task A_node_that_is_not_read_only_leaves_and_joins_by_order_on_its_socket_and_not_over_tcp()
    {
        var port = TcpTests.FreePort();
        await using var other = new Founder($"management.read-only = off, http.port = {port}");
        await other.InitializeAsync();
        using var leave = new FormUrlEncodedContent([new("operation", "Leave")]);
        using var join = new FormUrlEncodedContent([new("address", other.Address)]);
        using var tcp = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

        using var refused = await tcp.PutAsync($"/cluster/members/{other.Address}", leave);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await tcp.GetAsync("/cluster/members")).StatusCode);
        using var unknown = await other.Client.PutAsync("/cluster/members/dmm@nowhere:1", leave);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        using var nothing = await other.Client.PutAsync($"/cluster/members/{other.Address}", join);
        Assert.Equal(HttpStatusCode.BadRequest, nothing.StatusCode);

        using var left = await other.Client.PutAsync($"/cluster/members/{other.Address}", leave);

        Assert.Contains($"Leaving {other.Address}", await left.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await DaemonFixture.UntilAsync(async cancellation =>
            !(await other.Client.GetAsync("/ready", cancellation)).IsSuccessStatusCode
            && (await other.Client.PostAsync("/cluster/members", join, cancellation)).IsSuccessStatusCode);
        await DaemonFixture.UntilAsync(async cancellation =>
            (await other.Client.GetAsync("/ready", cancellation)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task The_metrics_tell_of_the_cluster()
    {
        var metrics = await _client.GetStringAsync("/metrics");

        Assert.Contains("\ndmm_cluster_joined 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\ndmm_cluster_members{state=\"up\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\ndmm_node_certificate_end_seconds ", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_observer_takes_no_VM()
    {
        await using var other = new Founder(inCluster: "role = observer");
        await other.InitializeAsync();

        using var answer = await other.Client.PostAsJsonAsync("/api/v1/vms", DaemonFixture.Vm("vm"), ContractJson.Options);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("node first is an observer", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static string[] Keys(JsonNode node) => [.. node.AsObject().Select(member => member.Key).Order(StringComparer.Ordinal)];

    private async Task<JsonNode> JsonAsync(string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var answer = await _client.GetAsync(path);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
    }

    /// <summary>A daemon that has founded a cluster of one.</summary>
    public sealed class Founder : IAsyncLifetime, IAsyncDisposable
    {
        private readonly int _port = TcpTests.FreePort();
        private readonly DaemonFixture _daemon;

        public Founder()
            : this("")
        {
        }

        internal Founder(string more = "", string inCluster = "") => _daemon = new(folder =>
        {
            var pki = Path.Combine(folder, "pki");
            PkiCommand.Init(pki, "test", TimeSpan.FromDays(1), TextWriter.Null);
            PkiCommand.Issue(pki, "first", ["127.0.0.1"], TimeSpan.FromDays(1), renew: false, TextWriter.Null);
            return $$"""
                dmm {
                  node = first
                  {{more}}
                  cluster {
                    {{inCluster}}
                    seeds = ["127.0.0.1"], address = "127.0.0.1", port = {{_port}}
                    tls { certificate = "{{pki}}/first.pem", key = "{{pki}}/first.key", authority = "{{pki}}/ca.pem" }
                  }
                }
                """;
        });

        public string Address => $"akka.ssl.tcp://dmm@127.0.0.1:{_port}";

        public HttpClient Client { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Client = SocketHttp.Client(_daemon.Settings.Socket.Path, "http://dmm/", DaemonFixture.Deadline);
            await _daemon.StartReadyAsync();
        }

        Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await _daemon.DisposeAsync();
        }
    }
}
