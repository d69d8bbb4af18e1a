using System.Net;

namespace Dmm.Settings;

/// <param name="Address">A loopback address.</param>
/// <param name="Port">0: no TCP.</param>
public sealed record HttpSection(IPAddress Address, int Port)
{
    internal static HttpSection Read(SettingsReader reader) => new(
        reader.Loopback("dmm.http.address", "this release has neither TLS nor tokens to protect another one"),
        reader.Port("dmm.http.port", "no TCP"));
}
