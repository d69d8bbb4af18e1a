using System.Globalization;
using System.Text.RegularExpressions;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Settings.Tests;

/// <summary>
/// reference.conf, the reader and the messages agree: each bound that the reader enforces stands in the comment of its setting, and each
/// setting that a message or a document names is in reference.conf.
/// </summary>
public sealed partial class ReferenceTests
{
    /// <summary>Settings whose right form has no bounds: a choice of words, a text or a path.</summary>
    private static readonly string[] Unbounded =
    [
        "dmm.hypervisor", "dmm.policy", "dmm.node", "dmm.state-dir", "dmm.socket", "dmm.socket-group", "dmm.host.memory",
        "dmm.host.register", "dmm.http.address", "dmm.vm.trust", "dmm.vm.kernel-guarantee", "dmm.qemu.binary", "dmm.qemu.accel",
        "dmm.qemu.append",
        "dmm.cluster.seeds", "dmm.cluster.discovery", "dmm.cluster.service", "dmm.cluster.address", "dmm.cluster.role",
        "dmm.cluster.downing", "dmm.management.read-only", "dmm.cluster.tls.certificate", "dmm.cluster.tls.key",
        "dmm.cluster.tls.authority",
        "dmm.qemu.user-network", "dmm.qemu.sandbox", "dmm.qemu.user", "dmm.qemu.groups", "dmm.simulation.directory", "dmm.journal.path",
    ];

    private static readonly Dictionary<string, string> Comments = CommentsOf(DmmSettings.ReferenceText);

    private static IEnumerable<string> Keys => HoconText.Parse(DmmSettings.ReferenceText, "reference.conf").Root.Leaves()
        .Select(leaf => leaf.Path).Where(path => path.StartsWith("dmm.", StringComparison.Ordinal));

    public static TheoryData<string, string, string> Bounds
    {
        get
        {
            var bounds = new TheoryData<string, string, string>();
            foreach (var key in Keys)
            {
                if (Bound().Match(RightOf(key)) is { Success: true } bound)
                    bounds.Add(key, bound.Groups[1].Value, bound.Groups[2].Value);
            }

            return bounds;
        }
    }

    [Fact]
    public void Every_setting_has_bounds_or_is_one_of_those_that_have_none() => Assert.Equal(
        Unbounded.Order(StringComparer.Ordinal), Keys.Where(key => !Bound().IsMatch(RightOf(key))).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Bounds))]
    public void The_comment_states_the_bounds_that_the_reader_enforces(string key, string least, string most)
    {
        Assert.Matches($@"(?<![\w.]){Regex.Escape(least)} to {Regex.Escape(most)}(?![\w%])", Comments[key]);

        Assert.DoesNotContain("it must be " + RightOf(key), FaultOf(key, least), StringComparison.Ordinal);
        Assert.DoesNotContain("it must be " + RightOf(key), FaultOf(key, most), StringComparison.Ordinal);
        Assert.Contains("it must be " + RightOf(key), FaultOf(key, Above(most)), StringComparison.Ordinal);
        // Where 0 is outside of the bounds, it may still have a meaning of its own.
        if (Below(least) is { } below)
            Assert.Contains("it must be " + RightOf(key), FaultOf(key, below), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_setting_that_a_message_or_a_document_names_exists()
    {
        var keys = Keys.ToHashSet(StringComparer.Ordinal);
        var sections = keys.SelectMany(Sections).ToHashSet(StringComparer.Ordinal);
        var root = DmmSettingsTests.RepositoryRoot();
        string[] files =
        [
            .. Directory.EnumerateFiles(Path.Combine(root, "src"), "*.cs", SearchOption.AllDirectories),
            .. Directory.EnumerateFiles(Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories),
            .. Directory.EnumerateFiles(Path.Combine(root, "config")),
            Path.Combine(root, "README.md"),
        ];

        var named = files.SelectMany(file => Name().Matches(File.ReadAllText(file)).Select(m => (File: file, m.Value))).ToList();

        Assert.True(named.Count > 100, $"only {named.Count} names were found");
        Assert.Empty(named.Where(n => !keys.Contains(n.Value) && !sections.Contains(n.Value)).Select(n => $"{n.File}: {n.Value}"));
    }

    /// <summary>A row of the page on threats that names a test which is not there any more would be a promise that nothing keeps.</summary>
    [Fact]
    public void Every_test_that_the_page_on_threats_names_exists()
    {
        var root = DmmSettingsTests.RepositoryRoot();
        string[] tests =
        [
            .. Directory.EnumerateFiles(Path.Combine(root, "tests"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText),
        ];
        var named = TestName().Matches(File.ReadAllText(Path.Combine(root, "docs", "operate", "threats.md"))).Select(m => m.Value)
            .Distinct().ToList();

        Assert.True(named.Count > 50, $"only {named.Count} tests are named");
        Assert.DoesNotContain(named, name => !Array.Exists(tests, text =>
            Regex.IsMatch(text, $@"\bclass {name.Split('.')[0].Trim('`')}\b")
            && text.Contains($" {name.Split('.')[1].Trim('`')}(", StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"`[A-Z]\w+\.[A-Z]\w+`")]
    private static partial Regex TestName();

    /// <summary>What the reader says would be right.</summary>
    private static string RightOf(string key)
    {
        var fault = FaultOf(key, "[null]");
        return fault[(fault.IndexOf("it must be ", StringComparison.Ordinal) + "it must be ".Length)..];
    }

    /// <returns>Empty where the value is right.</returns>
    private static string FaultOf(string key, string value)
    {
        try
        {
            DmmSettings.Parse($"{key} = {value}", "test.conf");
            return "";
        }
        catch (SettingsException fault)
        {
            return Assert.Single(fault.Faults);
        }
    }

    private static string Above(string bound) =>
        bound.EndsWith('%') ? $"{int.Parse(bound[..^1], CultureInfo.InvariantCulture) + 1}%"
        : double.TryParse(bound, CultureInfo.InvariantCulture, out _) ? IsOctal(bound) ? "01000" : Moved(bound, 1)
        : MemorySize.TryParse(bound, out var size) && char.IsUpper(bound[^1]) ? $"{size.Bytes + 1}B"
        : $"{Milliseconds(bound) + 1}ms";

    private static string? Below(string bound) =>
        bound is "0" or "0%" or "0s" or "1" ? null
        : bound.EndsWith('%') ? $"{int.Parse(bound[..^1], CultureInfo.InvariantCulture) - 1}%"
        : double.TryParse(bound, CultureInfo.InvariantCulture, out _) ? IsOctal(bound) ? "0577" : Moved(bound, -1)
        : MemorySize.TryParse(bound, out var size) && char.IsUpper(bound[^1]) ? $"{size.Bytes - 1}B"
        : $"{Milliseconds(bound) - 1}ms";

    private static bool IsOctal(string bound) => bound.Length > 1 && bound[0] == '0' && char.IsAsciiDigit(bound[1]);

    private static string Moved(string number, int by) => number.Contains('.', StringComparison.Ordinal)
        ? (double.Parse(number, CultureInfo.InvariantCulture) + (by * 0.01)).ToString(CultureInfo.InvariantCulture)
        : (long.Parse(number, CultureInfo.InvariantCulture) + by).ToString(CultureInfo.InvariantCulture);

    private static double Milliseconds(string duration) =>
        DurationText.TryParse(duration, out var time) ? time.TotalMilliseconds : throw new FormatException($"{duration} is no bound");

    private static IEnumerable<string> Sections(string key)
    {
        for (var dot = key.LastIndexOf('.'); dot > 0; dot = key.LastIndexOf('.', dot - 1))
            yield return key[..dot];
    }

    /// <summary>The comment above each setting. Settings that follow each other directly share one.</summary>
    private static Dictionary<string, string> CommentsOf(string reference)
    {
        var (comments, path, comment, fresh) = (new Dictionary<string, string>(StringComparer.Ordinal), new Stack<string>(), "", true);
        foreach (var line in reference.Split('\n').Select(line => line.Trim()))
        {
            if (line.StartsWith('#'))
            {
                (comment, fresh) = ((fresh ? "" : comment + " ") + line.TrimStart('#', ' '), false);
                continue;
            }

            fresh = true;
            if (line.EndsWith('{'))
                path.Push(line[..^1].Trim());
            else if (line == "}")
                path.Pop();
            else if (line.Split('=') is [var key, _, ..])
                comments[string.Join('.', path.Reverse().Append(key.Trim()))] = comment;
        }

        return comments;
    }

    [GeneratedRegex(@"from (\S+) to ([\w.%]+)")]
    private static partial Regex Bound();

    /// <summary>
    /// A setting's name in text. Not meant are paths (/run/dmm/dmm.sock), the file dmm.conf, systemd's dmm.slice, parameters of a guest's
    /// kernel (dmm.zram=SIZE), the start of several names (dmm.vm.return-*), and the namespaces of code.
    /// </summary>
    [GeneratedRegex(@"(?<![\w/.\-])dmm\.(?!conf\b|slice\b)[a-z]+(?:[-.][a-z]+)*(?![\w=*]|-\*|\.\*)")]
    private static partial Regex Name();
}
