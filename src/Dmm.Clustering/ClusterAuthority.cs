using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Dmm.Core;

namespace Dmm.Clustering;

/// <summary>A certificate and its key, as PEM.</summary>
/// <param name="Key">A secret.</param>
public sealed record PemPair(string Certificate, string Key);

/// <summary>
/// A small certificate authority for one cluster, for those who have none: one self-signed certificate that issues the nodes' own.
/// Elliptic curve keys (P-256), SHA-256, X.509 version 3 as by RFC 5280.
/// </summary>
public static class ClusterAuthority
{
    /// <param name="name">The cluster's name, for people: 1 to 64 printable characters.</param>
    public static PemPair Create(string name, TimeSpan validity, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Named(name), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using var certificate = request.CreateSelfSigned(now.AddMinutes(-5), now + validity);
        return new(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Issues a node's certificate, for both ends of a connection, in the node's name and those of its hosts.</summary>
    /// <param name="hosts">The hosts' names and IP addresses by which it is reached.</param>
    /// <exception cref="CryptographicException">The authority can't be read, or is no authority.</exception>
    public static PemPair Issue(PemPair authority, NodeName node, IEnumerable<string> hosts, TimeSpan validity, DateTimeOffset now)
    {
        using var issuer = X509Certificate2.CreateFromPem(authority.Certificate, authority.Key);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Named(node.Text), key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts.Prepend(node.Text).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (IPAddress.TryParse(host, out var address))
                names.AddIpAddress(address);
            else
                names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1", "server"), new("1.3.6.1.5.5.7.3.2", "client")], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, true, false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var ends = now + validity;
        var last = new DateTimeOffset(issuer.NotAfter.ToUniversalTime());
        using var certificate = request.Create(issuer, now.AddMinutes(-5), ends < last ? ends : last, RandomNumberGenerator.GetBytes(16));
        return new(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>The names and addresses that a certificate is for.</summary>
    /// <exception cref="CryptographicException">It can't be read.</exception>
    public static IReadOnlyList<string> NamesOf(string certificate)
    {
        using var read = X509Certificate2.CreateFromPem(certificate);
        return
        [
            .. read.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(
                names => names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(address => address.ToString()))),
        ];
    }

    private static X500DistinguishedName Named(string name)
    {
        var builder = new X500DistinguishedNameBuilder();
        builder.AddCommonName(name);
        builder.AddOrganizationName("DMM");
        return builder.Build();
    }
}
