using System.Globalization;
using System.Text.RegularExpressions;

namespace Dmm.Core.Clusters;

/// <summary>Where a node is reached by the other nodes: a host's name or its IPv4 address, and a port from 1 to 65535.</summary>
public sealed partial record NodeAddress
{
    public NodeAddress(string host, int port)
    {
        if (!Host().IsMatch(host) || port is < 1 or > ushort.MaxValue)
            throw new FormatException($"'{Echo.Of(host)}:{port}' is not an address of a node; use {Right}");
        (HostName, Port) = (host.ToLowerInvariant(), port);
    }

    /// <summary>The form that a fault names as right.</summary>
    public static string Right => "HOST or HOST:PORT, such as node1.example.org:25520 or 192.0.2.1";

    public string HostName { get; }

    public int Port { get; }

    /// <param name="port">The port where the text has none.</param>
    public static bool TryParse(string? text, int port, out NodeAddress? address)
    {
        address = null;
        if (text is null || text.Split(':') is not { Length: 1 or 2 } parts || !Host().IsMatch(parts[0]))
            return false;
        if (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out port))
            return false;
        if (port is < 1 or > ushort.MaxValue)
            return false;
        address = new(parts[0], port);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{HostName}:{Port}");

    /// <summary>A name of RFC 1123, of at most 253 characters; an IPv4 address has that form, too.</summary>
    [GeneratedRegex(@"^(?=.{1,253}\z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Host();
}
