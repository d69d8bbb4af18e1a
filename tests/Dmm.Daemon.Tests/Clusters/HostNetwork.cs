using System.Diagnostics;
using System.Globalization;

namespace Dmm.Daemon.Tests.Clusters;

/// <summary>
/// Hosts in network namespaces of their own, joined by a bridge in another. A cut is silent, as that of a cable: what one host sends to
/// another goes into a device that leads nowhere.
/// </summary>
internal sealed class HostNetwork : IDisposable
{
    private readonly string _prefix = $"dmm-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid():N}"[..20];
    private readonly int _hosts;

    public HostNetwork(int hosts)
    {
        _hosts = hosts;
        try
        {
            Build();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private void Build()
    {
        Ip("netns", "add", Switch);
        Ip("-n", Switch, "link", "add", "br0", "type", "bridge");
        Ip("-n", Switch, "link", "set", "br0", "up");
        for (var host = 1; host <= _hosts; host++)
        {
            Ip("netns", "add", NameOf(host));
            Ip("link", "add", "eth0", "netns", NameOf(host), "type", "veth", "peer", "name", $"p{host}", "netns", Switch);
            Ip("-n", Switch, "link", "set", $"p{host}", "master", "br0", "up");
            Ip("-n", NameOf(host), "link", "set", "lo", "up");
            Ip("-n", NameOf(host), "link", "set", "eth0", "up");
            Ip("-n", NameOf(host), "address", "add", $"{AddressOf(host)}/24", "dev", "eth0");
            // Its other end takes nothing that is not addressed to it, and without ARP nothing is.
            Ip("-n", NameOf(host), "link", "add", "nowhere", "type", "veth", "peer", "name", "hole");
            Ip("-n", NameOf(host), "link", "set", "nowhere", "arp", "off", "up");
            Ip("-n", NameOf(host), "link", "set", "hole", "up");
        }
    }

    private string Switch => $"{_prefix}-0";

    public static string AddressOf(int host) => string.Create(CultureInfo.InvariantCulture, $"10.99.0.{host}");

    /// <summary>The words before a program that is to run on a host.</summary>
    public string[] On(int host) => ["ip", "netns", "exec", NameOf(host)];

    /// <summary>Nothing that one host sends reaches the other any more.</summary>
    public void CutOneWay(int from, int to) => Ip("-n", NameOf(from), "route", "replace", $"{AddressOf(to)}/32", "dev", "nowhere");

    /// <summary>Nothing passes between two groups of hosts.</summary>
    public void Cut(IEnumerable<int> some, IEnumerable<int> others)
    {
        foreach (var (one, other) in some.SelectMany(one => others.Select(other => (one, other))))
        {
            CutOneWay(one, other);
            CutOneWay(other, one);
        }
    }

    public void Heal()
    {
        for (var host = 1; host <= _hosts; host++)
            Ip("-n", NameOf(host), "route", "flush", "dev", "nowhere");
    }

    public void Dispose()
    {
        for (var host = 0; host <= _hosts; host++)
            Try("netns", "delete", NameOf(host));
    }

    private string NameOf(int host) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}-{host}");

    private static void Ip(params string[] words)
    {
        var (code, error) = Try(words);
        Assert.True(code == 0, $"ip {string.Join(' ', words)}: {error}");
    }

    private static (int Code, string Error) Try(params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", words) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
