using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Dmm.Clustering;
using Dmm.Core;
using Dmm.Daemon.Hosting;
using Dmm.Files;

namespace Dmm.Daemon.Clusters;

/// <summary>
/// <c>dmmd pki</c>: a small authority for the certificates of one cluster, in a folder that only its owner can read. It belongs on one
/// machine that is kept well, not on every node.
/// </summary>
public static class PkiCommand
{
    public const string Authority = "ca";

    private const UnixFileMode Secret = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const int LongestDays = 36_500;

    public static Command Build(Func<Func<Task<int>>, Task<int>> guard)
    {
        var folder = new Option<string>("--dir") { Description = "The authority's folder", HelpName = "DIR", Required = true };
        var name = new Option<string>("--name") { Description = "The cluster's name, for people", DefaultValueFactory = _ => "dmm" };
        var days = new Option<int>("--days") { Description = "How long it is valid" };
        var node = new Argument<string>("NODE") { Description = "The node's name (dmm.node)" };
        var hosts = new Option<string[]>("--host")
        {
            Description = "A host's name or IP address by which the node is reached; may be given more than once",
            HelpName = "HOST",
        };
        days.DefaultValueFactory = _ => 825;

        var init = new Command("init", "Makes the authority: DIR/ca.pem, and its secret, DIR/ca.key") { folder, name, days };
        init.SetAction((parse, _) => guard(() => Task.FromResult(Init(
            parse.GetValue(folder)!, parse.GetValue(name)!,
            Days(parse.GetResult(days) is { Implicit: false } ? parse.GetValue(days) : 3_650), Console.Out))));
        var issue = new Command("issue", "Issues a node's certificate and key: DIR/NODE.pem and DIR/NODE.key")
        {
            node, folder, hosts, days,
        };
        issue.SetAction((parse, _) => guard(() => Task.FromResult(Issue(
            parse.GetValue(folder)!, parse.GetValue(node)!, parse.GetValue(hosts) ?? [], Days(parse.GetValue(days)), renew: false,
            Console.Out))));
        var renew = new Command("renew", "Issues a node's certificate anew, in the names of the old one, with a new key")
        {
            node, folder, days,
        };
        renew.SetAction((parse, _) => guard(() => Task.FromResult(Issue(
            parse.GetValue(folder)!, parse.GetValue(node)!, [], Days(parse.GetValue(days)), renew: true, Console.Out))));
        return new Command("pki", "Makes the certificates by which the nodes of a cluster know each other") { init, issue, renew };
    }

    public static int Init(string folder, string name, TimeSpan validity, TextWriter output)
    {
        if (name.Length is 0 or > 64 || name.Any(char.IsControl))
            throw Unlike($"--name is '{Echo.Of(name)}'; it must have 1 to 64 printable characters");
        var (certificate, key) = (Path.Combine(folder, $"{Authority}.pem"), Path.Combine(folder, $"{Authority}.key"));
        return Write(() =>
        {
            Directory.CreateDirectory(folder, Secret | UnixFileMode.UserExecute);
            if (File.Exists(certificate) || File.Exists(key))
                throw Unlike($"there is an authority in {folder} already; its nodes would know no certificate of another");
            var pair = ClusterAuthority.Create(name, validity, Clocks.Read(TimeProvider.System).Wall);
            Put(key, pair.Key, Secret);
            Put(certificate, pair.Certificate, Secret | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
            output.WriteLine($"{certificate} is the authority of the cluster: copy it to every node (dmm.cluster.tls.authority).");
            output.WriteLine($"{key} is its secret: whoever has it can make nodes. Keep it here alone.");
        });
    }

    public static int Issue(
        string folder, string name, IReadOnlyList<string> hosts, TimeSpan validity, bool renew, TextWriter output)
    {
        if (!NodeName.TryParse(name, out var node) || name == Authority)
            throw Unlike($"'{Echo.Of(name)}' is not a node's name; use {NodeName.Right}, other than {Authority}");
        foreach (var host in hosts)
        {
            if (Uri.CheckHostName(host) is UriHostNameType.Unknown or UriHostNameType.Basic)
                throw Unlike($"--host is '{Echo.Of(host)}'; it must be a host's name or an IP address");
        }

        var (certificate, key) = (Path.Combine(folder, $"{node}.pem"), Path.Combine(folder, $"{node}.key"));
        return Write(() =>
        {
            var authority = new PemPair(
                RegularFile.ReadText(Path.Combine(folder, $"{Authority}.pem")),
                RegularFile.ReadText(Path.Combine(folder, $"{Authority}.key")));
            if (renew)
                hosts = ClusterAuthority.NamesOf(RegularFile.ReadText(certificate));
            else if (File.Exists(certificate) || File.Exists(key))
                throw Unlike($"{certificate} is there already; 'dmmd pki renew {node}' issues it anew");
            var pair = ClusterAuthority.Issue(authority, node, hosts, validity, Clocks.Read(TimeProvider.System).Wall);
            Put(key, pair.Key, Secret);
            Put(certificate, pair.Certificate, Secret | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
            output.WriteLine($"{certificate} and {key} are those of node {node}: copy both to it (dmm.cluster.tls.certificate, .key).");
        });
    }

    /// <summary>A file comes to its place whole, with its rights, or not at all.</summary>
    private static void Put(string path, string text, UnixFileMode mode)
    {
        var making = $"{path}.{Guid.NewGuid():N}";
        try
        {
            using (var file = new FileStream(making, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = mode,
            }))
            {
                file.Write(System.Text.Encoding.ASCII.GetBytes(text.EndsWith('\n') ? text : text + "\n"));
                file.Flush(flushToDisk: true);
            }

            File.Move(making, path, overwrite: true);
        }
        finally
        {
            File.Delete(making);
        }
    }

    private static int Write(Action write)
    {
        try
        {
            write();
            return 0;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StartException(StartException.InOneLine(fault), fault);
        }
    }

    private static TimeSpan Days(int days) => days is >= 1 and <= LongestDays ? TimeSpan.FromDays(days)
        : throw Unlike(string.Create(CultureInfo.InvariantCulture, $"--days is {days}; it must be from 1 to {LongestDays}"));

    private static StartException Unlike(string why) => new(why) { ExitCode = ExitCodes.Usage };
}
