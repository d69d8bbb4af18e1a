using System.Security.Cryptography.X509Certificates;
using Dmm.Core;
using Dmm.Core.Clusters;
using Dmm.Tests;

namespace Dmm.Clustering.Tests;

/// <summary>Certificates of nodes: made, read, and refused with what is wrong and what would be right.</summary>
public sealed class AuthorityTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    private readonly TemporaryFolder _folder = new();
    private readonly PemPair _authority = ClusterAuthority.Create("c", TimeSpan.FromDays(100), Now);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_certificate_of_the_authority_is_a_nodes_in_its_own_name_and_those_of_its_hosts()
    {
        var pair = ClusterAuthority.Issue(_authority, NodeName.Parse("n1"), ["n1.example.org", "192.0.2.7"], TimeSpan.FromDays(5), Now);

        using var tls = NodeTls.Read(Files(pair, _authority));

        Assert.Equal(["n1", "n1.example.org", "192.0.2.7"], ClusterAuthority.NamesOf(pair.Certificate));
        Assert.InRange(tls.Ends, Now.AddDays(4.9), Now.AddDays(5.1));
    }

    [Fact]
    public void A_nodes_certificate_does_not_outlive_its_authority()
    {
        var pair = ClusterAuthority.Issue(_authority, NodeName.Parse("n1"), [], TimeSpan.FromDays(900), Now);

        using var certificate = X509Certificate2.CreateFromPem(pair.Certificate);
        Assert.InRange(certificate.NotAfter.ToUniversalTime(), Now.UtcDateTime.AddDays(99), Now.UtcDateTime.AddDays(101));
    }

    [Fact]
    public void Each_file_that_can_not_be_used_is_named_with_the_reason()
    {
        var good = ClusterAuthority.Issue(_authority, NodeName.Parse("n1"), [], TimeSpan.FromDays(5), Now);
        var other = ClusterAuthority.Issue(_authority, NodeName.Parse("n2"), [], TimeSpan.FromDays(5), Now);
        var strange = ClusterAuthority.Create("strange", TimeSpan.FromDays(1), Now);
        var before = ClusterAuthority.Create("c", TimeSpan.FromDays(100), Now.AddDays(-60));
        var old = ClusterAuthority.Issue(before, NodeName.Parse("n1"), [], TimeSpan.FromDays(5), Now.AddDays(-50));

        Assert.Contains("not one of the cluster's authority", Fault(Files(good, strange)), StringComparison.Ordinal);
        Assert.Contains("not one of the cluster's authority", Fault(Files(old, before)), StringComparison.Ordinal);
        Assert.Contains("one certificate and its key", Fault(Files(good with { Key = other.Key }, _authority)), StringComparison.Ordinal);
        Assert.Contains("dmm.cluster.tls.authority", Fault(Files(good, new("nothing", ""))), StringComparison.Ordinal);
        Assert.Contains("can't be read", Fault(new("/nowhere.pem", "/nowhere.key", Files(good, _authority).Authority)),
            StringComparison.Ordinal);
        var open = Files(good, _authority);
        File.SetUnixFileMode(open.Key, (UnixFileMode)0b110_100_100);
        Assert.Contains("chmod o-rw", Fault(open), StringComparison.Ordinal);
    }

    /// <summary>A server's certificate of the same authority (a web site's, say) is not a node's.</summary>
    [Fact]
    public void The_authority_itself_is_no_node()
    {
        Assert.Contains("not one of the cluster's authority", Fault(Files(_authority, _authority)), StringComparison.Ordinal);
    }

    private static string Fault(ClusterTls files) => Assert.Throws<NodeTlsException>(() => NodeTls.Read(files)).Message;

    private ClusterTls Files(PemPair pair, PemPair authority)
    {
        var key = _folder.Write("n.key", pair.Key);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new(_folder.Write("n.pem", pair.Certificate), key, _folder.Write("ca.pem", authority.Certificate));
    }
}
