using Dmm.Core;
using Dmm.Core.Clusters;

namespace Dmm.Settings;

/// <summary>The section <c>dmm.cluster</c>.</summary>
internal static class ClusterSection
{
    private const int MostSeeds = 32;

    /// <returns>Null for a node that runs alone: neither seeds nor a discovery are set.</returns>
    public static NodeSettings? Read(SettingsReader reader, NodeName node, string host)
    {
        var port = reader.Integer("dmm.cluster.port", 1, ushort.MaxValue);
        var seeds = reader.List(
            "dmm.cluster.seeds", MostSeeds, NodeAddress.Right,
            (string text, out NodeAddress? value) => NodeAddress.TryParse(text, port, out value));
        var address = reader.Read(
            "dmm.cluster.address", "auto, or a host's name or IPv4 address that the other nodes reach",
            (string text, out NodeAddress? value) =>
            {
                value = null;
                return text == "auto" || (!text.Contains(':', StringComparison.Ordinal) && NodeAddress.TryParse(text, port, out value));
            });
        var discovery = reader.Choice<DiscoveryKind>("dmm.cluster.discovery");
        var service = reader.Text(
            "dmm.cluster.service", 4095, "a host's name with or without a port (discovery = dns), an absolute path (file), or empty");
        var settings = new
        {
            Role = reader.Choice<NodeRole>("dmm.cluster.role"),
            Downing = reader.Words<DowningKind>("dmm.cluster.downing"),
            Quorum = reader.Integer("dmm.cluster.quorum", 0, 1_000),
            StableAfter = reader.Duration("dmm.cluster.stable-after", "1s", "5m"),
            Heartbeat = reader.Duration("dmm.cluster.heartbeat", "100ms", "10s"),
            Pause = reader.Duration("dmm.cluster.pause", "500ms", "60s"),
            Tls = new ClusterTls(
                reader.AbsolutePath("dmm.cluster.tls.certificate", "/etc/dmm/node.pem", mayBeEmpty: true),
                reader.AbsolutePath("dmm.cluster.tls.key", "/etc/dmm/node.key", mayBeEmpty: true),
                reader.AbsolutePath("dmm.cluster.tls.authority", "/etc/dmm/ca.pem", mayBeEmpty: true)),
        };
        if (seeds.IsEmpty && discovery == DiscoveryKind.Off)
            return null;
        Check();
        if (address is null && !NodeAddress.TryParse(host, port, out address))
            reader.Refuse("dmm.cluster.address", $"set, since this host's own name, '{Echo.Of(host)}', is not an address");
        return new(node, address ?? new("localhost", port), [.. seeds.Select(seed => seed!)], settings.Tls)
        {
            Role = settings.Role,
            Discovery = discovery,
            Service = service,
            Downing = settings.Downing,
            Quorum = settings.Quorum,
            StableAfter = settings.StableAfter,
            Heartbeat = settings.Heartbeat,
            Pause = settings.Pause,
        };

        void Check()
        {
            // One line, however many of the three are missing.
            (string Name, string Path)[] files =
                [("certificate", settings.Tls.Certificate), ("key", settings.Tls.Key), ("authority", settings.Tls.Authority)];
            if (Array.Find(files, file => file.Path.Length == 0) is { Name: { } missing })
            {
                reader.Refuse(
                    $"dmm.cluster.tls.{missing}",
                    "set for a node of a cluster, like all three of dmm.cluster.tls: nodes talk by mutual TLS alone ('dmmd pki')");
            }

            if (settings.Downing == DowningKind.StaticQuorum && settings.Quorum == 0)
                reader.Refuse("dmm.cluster.quorum", "at least 1 with dmm.cluster.downing = static-quorum");
            if (settings.Pause < 2 * settings.Heartbeat)
                reader.Refuse("dmm.cluster.pause", "at least twice dmm.cluster.heartbeat: one lost heartbeat is no sign of a fault");
            if (discovery == DiscoveryKind.Dns && !NodeAddress.TryParse(service, port, out _))
                reader.Refuse("dmm.cluster.service", "a host's name, with or without a port, with dmm.cluster.discovery = dns");
            if (discovery == DiscoveryKind.File && !service.StartsWith('/'))
                reader.Refuse("dmm.cluster.service", "an absolute path with dmm.cluster.discovery = file");
        }
    }
}
