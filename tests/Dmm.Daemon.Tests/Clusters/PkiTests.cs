using Dmm.Clustering;
using Dmm.Core.Clusters;
using Dmm.Daemon.Clusters;
using Dmm.Daemon.Hosting;
using Dmm.Tests;

namespace Dmm.Daemon.Tests.Clusters;

/// <summary><c>dmmd pki</c>: what it makes, with which rights, and what it refuses.</summary>
public sealed class PkiTests : IDisposable
{
    private static readonly TimeSpan Year = TimeSpan.FromDays(365);

    private readonly TemporaryFolder _folder = new();

    private string Folder => Path.Combine(_folder.Path, "pki");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_authority_and_a_nodes_files_are_made_with_secrets_for_their_owner_alone()
    {
        Make();
        PkiCommand.Issue(Folder, "n1", ["n1.example.org", "192.0.2.1"], Year, renew: false, TextWriter.Null);

        Assert.All(new[] { "ca.key", "n1.key" }, name => Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(In(name))));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(Folder));
        Assert.Equal(["ca.key", "ca.pem", "n1.key", "n1.pem"], Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
        using var tls = NodeTls.Read(new ClusterTls(In("n1.pem"), In("n1.key"), In("ca.pem")));
        Assert.InRange(tls.Ends, DateTimeOffset.UtcNow.AddDays(364), DateTimeOffset.UtcNow.AddDays(366));
    }

    [Fact]
    public void A_renewed_certificate_has_the_names_of_the_old_one_and_another_key()
    {
        Make();
        PkiCommand.Issue(Folder, "n1", ["n1.example.org", "192.0.2.1"], Year, renew: false, TextWriter.Null);
        var (certificate, key) = (File.ReadAllText(In("n1.pem")), File.ReadAllText(In("n1.key")));

        PkiCommand.Issue(Folder, "n1", [], Year, renew: true, TextWriter.Null);

        Assert.Equal(["n1", "n1.example.org", "192.0.2.1"], ClusterAuthority.NamesOf(File.ReadAllText(In("n1.pem"))));
        Assert.NotEqual(certificate, File.ReadAllText(In("n1.pem")));
        Assert.NotEqual(key, File.ReadAllText(In("n1.key")));
    }

    [Fact]
    public void Nothing_that_is_there_is_overwritten_and_what_is_missing_is_named()
    {
        Assert.Contains("ca.pem", Fault(() => Issue("n1")), StringComparison.Ordinal);
        Make();
        var key = File.ReadAllText(In("ca.key"));
        Issue("n1");

        Assert.Contains("there is an authority in", Fault(Make), StringComparison.Ordinal);
        Assert.Contains("'dmmd pki renew n1'", Fault(() => Issue("n1")), StringComparison.Ordinal);
        Assert.Contains(
            "n2.pem", Fault(() => PkiCommand.Issue(Folder, "n2", [], Year, renew: true, TextWriter.Null)), StringComparison.Ordinal);
        Assert.Equal(key, File.ReadAllText(In("ca.key")));
        Assert.False(File.Exists(In("n2.pem")));
    }

    [Theory]
    [InlineData("../n1")]
    [InlineData("N1")]
    [InlineData("ca")]
    [InlineData("")]
    public void A_text_that_is_no_nodes_name_is_refused(string node)
    {
        Make();

        Assert.Contains($"'{node}' is not a node's name", Fault(() => Issue(node)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_makes_an_authority_and_says_what_is_wrong_in_one_line()
    {
        using var dmmd = new DaemonProgram();

        var made = await dmmd.RunAsync("pki", "init", "--dir", dmmd.In("pki"));
        var again = await dmmd.RunAsync("pki", "init", "--dir", dmmd.In("pki"));
        var days = await dmmd.RunAsync("pki", "issue", "n1", "--dir", dmmd.In("pki"), "--days", "0");
        var host = await dmmd.RunAsync("pki", "issue", "n1", "--dir", dmmd.In("pki"), "--host", "a b");

        Assert.Equal((0, ""), (made.Code, made.Error));
        Assert.DoesNotContain("PRIVATE", made.Output, StringComparison.Ordinal);
        Assert.Equal(2, again.Code);
        Assert.StartsWith("dmmd: there is an authority in", Assert.Single(again.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal((2, "dmmd: --days is 0; it must be from 1 to 36500\n"), (days.Code, days.Error));
        Assert.Equal((2, "dmmd: --host is 'a b'; it must be a host's name or an IP address\n"), (host.Code, host.Error));
    }

    private static string Fault(Action act) => Assert.Throws<StartException>(act).Message;

    private void Make() => PkiCommand.Init(Folder, "test", TimeSpan.FromDays(3_650), TextWriter.Null);

    private void Issue(string node) => PkiCommand.Issue(Folder, node, [], Year, renew: false, TextWriter.Null);

    private string In(string name) => Path.Combine(Folder, name);
}
