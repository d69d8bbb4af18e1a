using System.Net;

namespace Dmm.Settings;

/// <param name="Address">Loopback.</param>
/// <param name="Port">0: any free port.</param>
public sealed record ClusterSettings(IPAddress Address, int Port)
{
    internal static ClusterSettings Read(SettingsReader reader) => new(
        reader.Loopback("dmm.cluster.hostname", "nodes do not authenticate each other in this release"),
        reader.Port("dmm.cluster.port", "any free port"));
}
