using System.Net;
using System.Net.Sockets;
using Akka.Discovery;
using Dmm.Core.Clusters;
using Dmm.Files;

namespace Dmm.Clustering;

/// <summary>Akka.Discovery by DNS: every IPv4 address of a name is a node.</summary>
public sealed class DnsDiscovery : ServiceDiscovery
{
    public override async Task<Resolved> Lookup(Lookup lookup, TimeSpan resolveTimeout)
    {
        using var deadline = new CancellationTokenSource(resolveTimeout);
        var addresses = await Dns.GetHostAddressesAsync(lookup.ServiceName, AddressFamily.InterNetwork, deadline.Token);
        return new(lookup.ServiceName, addresses.Select(address => new ResolvedTarget(address.ToString(), null, address)));
    }
}

/// <summary>Akka.Discovery by a file that somebody else keeps (configuration management): one HOST or HOST:PORT on each line.</summary>
public sealed class FileDiscovery : ServiceDiscovery
{
    public override Task<Resolved> Lookup(Lookup lookup, TimeSpan resolveTimeout)
    {
        var targets = RegularFile.ReadText(lookup.ServiceName).Split('\n')
            .Select(line => line.Split('#')[0].Trim())
            .Where(line => line.Length > 0)
            .Select(line =>
            {
                var parts = line.Split(':');
                // A line that is no address stays whole, so that it can be named.
                return parts.Length == 1 ? new ResolvedTarget(parts[0])
                    : parts.Length == 2 && int.TryParse(parts[1], out var port) ? new ResolvedTarget(parts[0], port)
                    : new ResolvedTarget(line);
            });
        return Task.FromResult(new Resolved(lookup.ServiceName, targets));
    }
}

/// <summary>The nodes to ask: seeds in their order, then what the discovery finds, sorted.</summary>
internal sealed class SeedList(NodeSettings settings)
{
    /// <summary>A discovery that finds more is wrong (a file of something else).</summary>
    private const int Most = 1_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    private readonly ServiceDiscovery? _discovery = settings.Discovery switch
    {
        DiscoveryKind.Dns => new DnsDiscovery(),
        DiscoveryKind.File => new FileDiscovery(),
        _ => null,
    };

    private volatile string? _trouble;

    /// <summary>Why the discovery found nothing; null where it works, or is off.</summary>
    public string? Trouble => _trouble;

    public async Task<IReadOnlyList<NodeAddress>> AllAsync()
    {
        if (_discovery is null)
            return settings.Seeds;
        try
        {
            var usual = settings.Address.Port;
            var (name, port) = settings.Discovery == DiscoveryKind.Dns && NodeAddress.TryParse(settings.Service, usual, out var given)
                ? (given!.HostName, given.Port)
                : (settings.Service, usual);
            var found = await _discovery.Lookup(new Lookup(name), Deadline);
            var read = found.Addresses.Take(Most)
                .Select(target => (target.Host, Address: NodeAddress.TryParse(target.Host, target.Port ?? port, out var at) ? at : null))
                .ToList();
            _trouble = read.FirstOrDefault(each => each.Address is null).Host is { } wrong
                ? $"dmm.cluster.service {settings.Service} has '{Core.Echo.Of(wrong)}'; it must be {NodeAddress.Right}"
                : null;
            return
            [
                .. settings.Seeds.Concat(read.Select(each => each.Address).OfType<NodeAddress>()
                        .OrderBy(address => address.ToString(), StringComparer.Ordinal))
                    .Distinct(),
            ];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or SocketException or OperationCanceledException)
        {
            _trouble = $"dmm.cluster.service {settings.Service} can't be read: {fault.Message}";
            return settings.Seeds;
        }
    }
}
