using System.Net;
using System.Net.Sockets;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Microsoft.AspNetCore.Http;

namespace Dmm.Daemon.Tests.Hosting;

public sealed class TcpTests
{
    [Fact]
    public async Task Over_tcp_the_daemon_can_be_read_and_not_changed()
    {
        var port = FreePort();
        await using var daemon = new DaemonFixture($"\ndmm.http.port = {port}");
        await daemon.StartAsync();
        using var client = new HttpClient { BaseAddress = new($"http://127.0.0.1:{port}/api/v1/") };
        // The daemon listens before its ledger governs.
        await DaemonFixture.UntilAsync(async cancellation => (await client.GetAsync("/ready", cancellation)).IsSuccessStatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("host")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.PostAsync("vms/a/forget", null)).StatusCode);

        foreach (var host in (string[])["localhost", "LocalHost:99", "127.0.0.1", "127.9.9.9:80", "[::1]:80"])
            Assert.Equal(HttpStatusCode.OK, (await AskAsync("host", host)).StatusCode);
        foreach (var host in (string[])["evil.example", $"evil.example:{port}", "localhost.evil.example", "192.0.2.1", "[2001:db8::1]"])
        {
            foreach (var path in (string[])["host", "/metrics", "/ready"])
            {
                using var refused = await AskAsync(path, host);
                Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
                Assert.Contains(
                    $"the Host of this request is '{new HostString(host).Host}'; over TCP, DMM answers only requests to localhost",
                    await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }

        Task<HttpResponseMessage> AskAsync(string path, string host) =>
            client.SendAsync(new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } });
    }

    [Fact]
    public void A_journal_that_is_no_database_stops_the_daemon_with_its_name()
    {
        var folder = Directory.CreateTempSubdirectory("dmmd-").FullName;
        var path = Path.Combine(folder, "journal.db");
        File.WriteAllText(path, new string('x', 5000));
        var fault = Assert.Throws<StartException>(() => JournalStore.Open(path, TimeSpan.FromSeconds(1), TimeProvider.System));
        Assert.StartsWith($"the journal can't be opened: {path} is corrupt: file is not a database; 'dmmd journal check'", fault.Message);
        Assert.Equal(ExitCodes.JournalCorrupt, fault.ExitCode);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>
    /// Returns a port below the range that the kernel assigns by itself (ip_local_port_range, from 32768 on): a port of that range could
    /// be taken before the daemon listens.
    /// </summary>
    internal static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // The port is taken; try another.
            }
        }
    }
}
