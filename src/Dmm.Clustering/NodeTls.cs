using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Event;
using Akka.Remote.Transport.DotNetty;
using Dmm.Core.Clusters;
using Dmm.Files;

namespace Dmm.Clustering;

/// <summary>The certificate of a node and the authority of its cluster, read from their files.</summary>
public sealed class NodeTls : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _own;
    private readonly X509Certificate2Collection _authority;

    private NodeTls(X509Certificate2 own, X509Certificate2Collection authority) => (_own, _authority) = (own, authority);

    /// <summary>When the node's certificate ends, UTC.</summary>
    public DateTimeOffset Ends => new(_own.NotAfter.ToUniversalTime());

    /// <summary>Names the certificate: a renewed one has another.</summary>
    public string Thumbprint => _own.GetCertHashString(HashAlgorithmName.SHA256);

    /// <exception cref="NodeTlsException">A file can't be used; the message names it and says what would be right.</exception>
    public static NodeTls Read(ClusterTls files)
    {
        var authority = new X509Certificate2Collection();
        X509Certificate2? own = null;
        try
        {
            authority.ImportFromPem(Text("authority", files.Authority));
            if (authority.Count == 0)
                throw new NodeTlsException($"dmm.cluster.tls.authority {files.Authority} has no certificate; it must be a PEM file");
            // The key would be no secret where others can read it.
            if (FileFacts.Of(files.Key) is { } facts && (facts.Mode & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
                throw new NodeTlsException($"dmm.cluster.tls.key {files.Key} can be read or written by everybody; chmod o-rw it");
            own = Pair(files);
            var tls = new NodeTls(own, authority);
            return tls.FaultOf(own) is not { } fault ? tls
                : throw new NodeTlsException($"dmm.cluster.tls.certificate {files.Certificate} {fault}");
        }
        catch (Exception fault)
        {
            own?.Dispose();
            Drop(authority);
            throw fault is CryptographicException
                ? new NodeTlsException($"dmm.cluster.tls.authority {files.Authority} can't be read as PEM: {fault.Message}", fault)
                : fault;
        }
    }

    /// <summary>The lock of the port: both sides show a certificate of the cluster's authority, or nothing is said.</summary>
    public DotNettySslSetup Setup() => new(
        _own, suppressValidation: false, requireMutualAuthentication: true, validateCertificateHostname: false,
        (certificate, _, peer, _, log) =>
        {
            if (FaultOf(certificate) is not { } fault)
                return true;
            log.Warning("a node at {0} was refused: its certificate {1}", peer, fault);
            return false;
        });

    public void Dispose()
    {
        _own.Dispose();
        Drop(_authority);
    }

    /// <summary>Says why this is no certificate of a node of the cluster; null where it is one.</summary>
    private string? FaultOf(X509Certificate2? certificate)
    {
        if (certificate is null)
            return "is missing";
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        // A self-signed one is a root; the others lead to it.
        foreach (var each in _authority)
        {
            var isRoot = each.SubjectName.RawData.AsSpan().SequenceEqual(each.IssuerName.RawData);
            (isRoot ? policy.CustomTrustStore : policy.ExtraStore).Add(each);
        }

        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.ApplicationPolicy.Add(new Oid(ServerUse));
        policy.ApplicationPolicy.Add(new Oid(ClientUse));
        // A certificate that names no uses (an authority's, say) would pass for all of them.
        var names = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Any();
        if (chain.Build(certificate) && names)
            return null;
        var why = !names ? "it names no uses"
            : string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim().TrimEnd('.')).Distinct());
        return $"({certificate.Subject}) is not one of the cluster's authority for server and client: {why}";
    }

    private static X509Certificate2 Pair(ClusterTls files)
    {
        var (certificate, key) = (Text("certificate", files.Certificate), Text("key", files.Key));
        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception fault) when (fault is CryptographicException or ArgumentException)
        {
            throw new NodeTlsException(
                $"dmm.cluster.tls.certificate {files.Certificate} and dmm.cluster.tls.key {files.Key} can't be used: {fault.Message}; they "
                    + "must be PEM files of one certificate and its key, without a passphrase", fault);
        }
    }

    private static string Text(string what, string path)
    {
        try
        {
            return RegularFile.ReadText(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new NodeTlsException($"dmm.cluster.tls.{what} {path} can't be read: {fault.Message}", fault);
        }
    }

    private static void Drop(X509Certificate2Collection certificates)
    {
        foreach (var certificate in certificates)
            certificate.Dispose();
    }
}

/// <summary>A file of the cluster's TLS can't be used; the message is one line for people.</summary>
public sealed class NodeTlsException : Exception
{
    public NodeTlsException()
    {
    }

    public NodeTlsException(string message)
        : base(message)
    {
    }

    public NodeTlsException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
