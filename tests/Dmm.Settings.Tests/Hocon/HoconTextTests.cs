using Akka.Configuration;
using CsCheck;
using Dmm.Hocon;
using Dmm.Settings.Hocon;
using Dmm.Tests;

namespace Dmm.Settings.Tests.Hocon;

/// <summary>
/// Every text that Akka's parser loses, misreads or crashes on is refused with its place; accepted text reaches Akka as it is written.
/// </summary>
public sealed class HoconTextTests
{
    [Theory]
    // Akka: null, and the rest of the file is lost silently.
    [InlineData("a = ${?HOME}\nb = 1", "x.conf, line 1, column 5: substitutions (${…}) are not supported; write the value itself")]
    // Akka: an exception without a place.
    [InlineData("a = 1\nb = ${HOME}", "x.conf, line 2, column 5: substitutions (${…}) are not supported; write the value itself")]
    // Akka: overflows the stack and kills the process.
    [InlineData("xs = [a]\nxs = ${xs} [b]", "x.conf, line 2, column 6: substitutions (${…}) are not supported; write the value itself")]
    [InlineData("xs = [ ${x} ]", "x.conf, line 1, column 8: substitutions (${…}) are not supported; write the value itself")]
    [InlineData("a = foo${x}", "x.conf, line 1, column 8: substitutions (${…}) are not supported; write the value itself")]
    [InlineData("a = \"x\"${y}", "x.conf, line 1, column 8: substitutions (${…}) are not supported; write the value itself")]
    [InlineData("${x} = 1", "x.conf, line 1, column 1: substitutions (${…}) are not supported; write the value itself")]
    // Akka: ignored.
    [InlineData("xs += b", "x.conf, line 1, column 4: '+=' is not supported; write the whole list")]
    [InlineData(
        "a = 1\ninclude \"other.conf\"", "x.conf, line 2, column 1: include is not supported; write all settings into this one file")]
    [InlineData(
        "include file(\"other.conf\")", "x.conf, line 1, column 1: include is not supported; write all settings into this one file")]
    // Akka: accepted.
    [InlineData("dmm {\n  host {\n    memory = 1G\n  }\n", "x.conf, line 1, column 5: the '{' that opens here is never closed")]
    // Akka: drops the rest.
    [InlineData(
        "a = \"one\nb = 2",
        "x.conf, line 1, column 5: the quote that opens here is not closed on its line "
            + "(text of several lines stands between triple quotes)")]
    [InlineData("a = \"\"\"one\nb = 2", "x.conf, line 1, column 5: the triple quote that opens here is never closed")]
    [InlineData(
        "a = \"\"\"x\"\"\"\"\nb = 1",
        "x.conf, line 1, column 12: a fourth quote after a triple quote; a text in triple quotes can't end with a quote")]
    [InlineData("a = 1\n}\nb = 2", "x.conf, line 2, column 1: this '}' closes nothing")]
    [InlineData("{ a = 1 }\nb = 2", "x.conf, line 2, column 1: 'b' after the end of the outermost section; nothing may follow its '}'")]
    [InlineData(
        "a = \"x\" \"y\"\nb = 1",
        "x.conf, line 1, column 9: '\"' right after a value: values can't be joined; write one text in quotes, or put a comma or a new "
            + "line between")]
    // Akka: the value is cut off at the slashes.
    [InlineData(
        "kernel = /boot//vmlinuz",
        "x.conf, line 1, column 15: a comment would begin here and cut the value off; write the value in quotes, or a blank before the "
            + "comment")]
    [InlineData(
        "a = x#y",
        "x.conf, line 1, column 6: a comment would begin here and cut the value off; write the value in quotes, or a blank before the "
            + "comment")]
    // Akka: an exception without a place.
    [InlineData("append = console=ttyS0", "x.conf, line 1, column 17: '=' in a value without quotes; write the value in quotes")]
    [InlineData("a = [1, 2\nb = 3", "x.conf, line 2, column 3: '=' in a value without quotes; write the value in quotes")]
    [InlineData("a = [1, 2", "x.conf, line 1, column 5: the '[' that opens here is never closed")]
    [InlineData("a = [1, {b = 2]]", "x.conf, line 1, column 15: found ']' where '}' must close first")]
    [InlineData("a = 1, , b = 2", "x.conf, line 1, column 8: two commas with nothing between them (the first at line 1, column 6)")]
    [InlineData(
        "a = \"\\q\"",
        "x.conf, line 1, column 6: unknown escape; after '\\' may stand one of \" \\ / b f n r t, or u and four hexadecimal digits")]
    [InlineData("[1, 2]", "x.conf, line 1, column 1: expected a key, found '['")]
    [InlineData("a =", "x.conf, line 1, column 4: expected a value, found the end of the file (an empty text is \"\")")]
    [InlineData("a = ]", "x.conf, line 1, column 5: expected a value, found ']' (an empty text is \"\")")]
    [InlineData("a", "x.conf, line 1, column 2: expected '=' or '{' after a, found the end of the file")]
    [InlineData("a b = 1", "x.conf, line 1, column 3: expected '=' or '{' after a, found 'b'")]
    [InlineData("a..b = 1", "x.conf, line 1, column 3: expected a key, found '.'")]
    // Akka: the last one wins; here it is an error.
    [InlineData("a.b = 1\na { b = 2 }", "x.conf, line 2, column 5: b is set a second time; its first value is at line 1, column 7")]
    [InlineData("a = 1\na.b = 2", "x.conf, line 2, column 1: a is used as a section, but has a value at line 1, column 5")]
    [InlineData(
        "a = 1\u00a0", "x.conf, line 1, column 6: a character U+00A0 in a value without quotes; remove it, or write the value in quotes")]
    [InlineData("a = \"x\u0000\"", "x.conf, line 1, column 7: a character U+0000 in a text; write it as \\u0000")]
    public void What_Akka_would_lose_or_die_of_is_refused_with_its_place(string text, string line)
    {
        var refusal = Assert.Throws<SettingsException>(() => HoconText.Parse(text, "x.conf"));

        Assert.Equal(line, refusal.Message);
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        foreach (var text in new[]
        {
            string.Concat(Enumerable.Repeat("a{", 100_000)),
            "a=" + new string('[', 100_000),
            string.Concat(Enumerable.Repeat("a.", 100_000)),
        })
            Assert.Contains(
                "nested deeper than 32", Assert.Throws<SettingsException>(() => HoconText.Parse(text, "x")).Message,
                StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing but words\n// and more")]
    [InlineData("a = 1\nb : 2, c = 3,\nd { e = 4, f.g = 5 }")]
    [InlineData("a = 1\r\nb {\r\n  c = x y z # comment ${not} = \"one\r\n}\r\n")]
    [InlineData("a = \"${literal} # no // comment { [ \\\" \\\\ \\u0041 é\"\nb = 1")]
    [InlineData("a = \"\"\"line one \"quoted\" ${x}\n  # line two { [\"\"\"\nb = 1")]
    [InlineData("a = [1, two, \"three\"\n four\n {x = 1}, [5]]\nb = []\nc {}\nd = 1")]
    [InlineData("{\"a\": {\"b\": 1.5e3, \"c\": true, \"d\": null, \"e\": []}, \"f\": [{\"g\": \"h/\\/i\"}]}")]
    [InlineData("a\n{\n b =\n  5\n}\n")]
    [InlineData("akka.actor.serialization-bindings { \"System.String, mscorlib\" = json }\nakka.actor.deployment { /a/b { router = x } }")]
    [InlineData("a = -5%\nb = 10 MiB // blank before the comment\nc = /var/lib/dmm")]
    [InlineData("a { b = 1 }, c { d = 2 }\ne { f = [] }, g = \"\"")]
    public void What_is_accepted_reaches_Akka_as_it_is_written(string text)
    {
        var file = HoconText.Parse(text, "x");

        // This throws if Akka's parser understood anything else.
        var section = HoconAkka.ToConfig("akka", file.Root, "x").Root.GetObject().Items["akka"].GetObject();

        Assert.Equal(file.Root.Members.Keys, section.Items.Keys);
    }

    [Theory]
    [InlineData("a.b = \"x \"", "x, line 1, column 7: akka.a.b is 'x '; Akka removes blanks at both ends of a text, so remove them")]
    [InlineData("a = [1, \"\\n\"]", "x, line 1, column 5: akka.a is a list; Akka removes blanks at both ends of a text, so remove them")]
    [InlineData("a = \"null\"", "x, line 1, column 5: akka.a is 'null'; Akka reads it as no value at all, so write null without quotes")]
    public void What_Akka_would_read_otherwise_is_refused_with_its_place(string text, string line)
    {
        var refusal = Assert.Throws<SettingsException>(() => HoconAkka.ToConfig("akka", HoconText.Parse(text, "x").Root, "x"));

        Assert.Equal(line, refusal.Message);
    }

    [Fact]
    public void The_comparison_with_Akka_notices_a_file_that_lost_its_rest()
    {
        const string Whole = "a = 1\nb { c = 2, d = [1, {e = 3}] }\nf = 4";
        var written = HoconText.Parse(Whole, "x").Root;

        Assert.Equal("b", HoconAgreement.Difference(written, ConfigurationFactory.ParseString("a = 1")));
        Assert.Equal("f", HoconAgreement.Difference(written, ConfigurationFactory.ParseString("a = 1\nb { c = 2, d = [1, {e = 3}] }")));
        Assert.Equal("b.d", HoconAgreement.Difference(written, ConfigurationFactory.ParseString("a = 1\nb { c = 2, d = [1] }\nf = 4")));
        Assert.Equal(
            "b.d[1].e",
            HoconAgreement.Difference(written, ConfigurationFactory.ParseString("a = 1\nb { c = 2, d = [1, {e = 0}] }\nf = 4")));
        Assert.Equal("g", HoconAgreement.Difference(written, ConfigurationFactory.ParseString(Whole + "\ng = 5")));
    }

    /// <summary>
    /// Random texts of HOCON's elements: each is refused with its place, or reaches Akka whole. Nothing hangs, overflows the stack or
    /// throws.
    /// </summary>
    [Fact]
    public void Any_text_is_refused_or_read_as_it_stands()
    {
        string[] pieces =
        [
            "a", "b.c", "\"k y\"", " ", "\n", "\r\n", "=", ":", "+=", "{", "}", "[", "]", ",", "\"", "\"\"\"", "\\", "\\n", "#", "//", "/",
            "$", "${x}", "${?x}",
            "1", "1.5s", "null", "true", "include ", "é", "\t", "a = 1\n", "a { b = x }\n", "c = [1, 2]\n", "\"x\"",
        ];
        var accepted = 0;
        Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]).Array[0, 14].Select(p => string.Concat(p)).Sample(
            text =>
            {
                try
                {
                    HoconAkka.ToConfig("akka", HoconText.Parse(text, "x").Root, "x");
                    Interlocked.Increment(ref accepted);
                }
                catch (SettingsException refusal)
                {
                    Assert.DoesNotContain('\n', refusal.Message);
                    Assert.DoesNotContain("Akka's parser", refusal.Message, StringComparison.Ordinal);
                }
            },
            iter: 20_000,
            threads: 1);
        Assert.True(accepted > 100, $"only {accepted} texts were accepted: the pieces no longer make sense");
    }

    [Fact]
    public void A_file_is_read_with_or_without_a_byte_order_mark()
    {
        using var folder = new TemporaryFolder();

        Assert.Equal("1", ((HoconScalar)HoconText.ParseFile(folder.Write("bom.conf", "\uFEFFa = 1")).Root.Members["a"]).Text);
    }

    [Fact]
    public void A_file_that_is_none_is_named()
    {
        using var folder = new TemporaryFolder();
        var missing = Path.Combine(folder.Path, "missing.conf");
        var binary = Path.Combine(folder.Path, "binary.conf");
        File.WriteAllBytes(binary, [0x61, 0xFF, 0xFE]);
        var large = folder.Write("large.conf", new string('#', HoconText.MaxBytes + 1));

        Assert.Equal($"{missing} does not exist", Refusal(missing));
        Assert.Equal($"{folder.Path} is a folder; a file is needed", Refusal(folder.Path));
        Assert.Equal($"{binary} is not UTF-8 text", Refusal(binary));
        Assert.Equal($"{large} is larger than 1024 KiB; settings and specs are far smaller, so this is another file", Refusal(large));

        static string Refusal(string path) => Assert.Throws<SettingsException>(() => HoconText.ParseFile(path)).Message;
    }
}
