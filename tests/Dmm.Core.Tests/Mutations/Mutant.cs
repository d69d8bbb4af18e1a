using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Dmm.Tests.Mutations;

/// <summary>
/// Dmm.Core with one place of its real source changed, compiled in memory, and this test assembly loaded once more on top of it. So
/// production code needs no access for tests, and a place that is no longer there makes the test fail instead of leaving it unmutated.
/// </summary>
internal sealed partial class Mutant : AssemblyLoadContext
{
    /// <summary>The source that the SDK generates for this project: implicit usings.</summary>
    private const string Generated = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private static readonly SortedDictionary<string, SyntaxTree> Sources = ReadSources();

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Where(path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private readonly byte[] _core;

    private Mutant(byte[] core)
        : base("mutant", isCollectible: false) => _core = core;

    /// <param name="file">The path below src/Dmm.Core.</param>
    /// <param name="from">The text to replace, which must occur exactly once.</param>
    public static Mutant Of(string file, string from, string to)
    {
        Assert.True(Sources.TryGetValue(file, out var source), $"there is no {file} in src/Dmm.Core");
        var text = source.ToString();
        var times = text.Split(from).Length - 1;
        Assert.True(times == 1, $"'{from}' stands {times} times in {file}; a mutation needs it exactly once");
        return new(
            Compile(Sources.Values.Where(tree => tree != source).Append(Parse(text.Replace(from, to, StringComparison.Ordinal), file))));
    }

    /// <summary>
    /// Runs a static method of this test assembly with a count, on the mutant. Returns what it throws; null if it found nothing.
    /// </summary>
    public Exception? Try(Type type, string method, long count)
    {
        var twin = LoadFromAssemblyPath(typeof(Mutant).Assembly.Location).GetType(type.FullName!, throwOnError: true)!;
        try
        {
            twin.GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!.Invoke(null, [count]);
            return null;
        }
        catch (TargetInvocationException thrown)
        {
            return thrown.InnerException;
        }
    }

    /// <summary>Assemblies that depend on Dmm.Core are loaded once more, too.</summary>
    protected override Assembly? Load(AssemblyName assemblyName) =>
        assemblyName.Name == "Dmm.Core" ? LoadFromStream(new MemoryStream(_core))
        : assemblyName.Name?.StartsWith("dmm", StringComparison.OrdinalIgnoreCase) == true
        ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, $"{assemblyName.Name}.dll"))
        : null;

    private static SyntaxTree Parse(string text, string path) =>
        CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Latest), path);

    /// <summary>
    /// Regular expressions that the SDK generates code for are made when they are first used: no generator runs here.
    /// </summary>
    private static string Expand(string text) => GeneratedRegex().Replace(
        text,
        """
        private static readonly System.Text.RegularExpressions.Regex Their$2 = new($1);
        private static System.Text.RegularExpressions.Regex $2() => Their$2;
        """);

    [GeneratedRegex(@"\[GeneratedRegex\(((?:[^""]|""[^""]*"")*?)\)\]\s*private static partial Regex (\w+)\(\);")]
    private static partial Regex GeneratedRegex();

    private static SortedDictionary<string, SyntaxTree> ReadSources()
    {
        var folder = Path.Combine(Root(), "src", "Dmm.Core");
        var sources = new SortedDictionary<string, SyntaxTree>(StringComparer.Ordinal) { ["generated"] = Parse(Generated, "generated") };
        foreach (var path in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        {
            var file = Path.GetRelativePath(folder, path);
            if (file.Split('/')[0] is not ("obj" or "bin"))
                sources[file] = Parse(Expand(File.ReadAllText(path)), file);
        }

        return sources;
    }

    private static byte[] Compile(IEnumerable<SyntaxTree> trees)
    {
        var compilation = CSharpCompilation.Create("Dmm.Core", trees, References, new(
            OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release,
            nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)));
        return image.ToArray();
    }

    private static string Root([CallerFilePath] string here = "")
    {
        for (var folder = Path.GetDirectoryName(here); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "DMM.sln")))
                return folder;
        }

        throw new DirectoryNotFoundException($"no DMM.sln above {here}");
    }
}
