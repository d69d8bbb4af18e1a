using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Commands;

/// <summary>Arguments and options of DMM's own types. A bad value is a parse error that says what the right form is.</summary>
public static class Values
{
    private static readonly string[] TimeFormats =
    [
        "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
        "yyyy-MM-dd HH:mmK", "yyyy-MM-dd HH:mm:ssK", "yyyy-MM-dd HH:mm:ss.FFFFFFFK",
    ];

    /// <summary>The right form of a name, for messages.</summary>
    public static readonly string NameForm =
        $"a VM's name: 1 to {VmId.MaxLength} letters, digits, '.', '-' and '_', starting with a letter or digit";

    private delegate bool TryParse<T>(string text, out T value);

    public static Argument<string> VmName() => new("NAME")
    {
        Description = "The VM",
        CustomParser = result => Name(result) ?? "",
    };

    public static Argument<string> Node() => new("NODE")
    {
        Description = "The node",
        CustomParser = result => Parse(result, "NODE", $"a node's name: {NodeName.Right}", (string text, out string? value) =>
        {
            value = text;
            return NodeName.TryParse(text, out _);
        }) ?? "",
    };

    public static Argument<string?> OptionalVmName() => new("NAME")
    {
        Description = "The VM; the spec file may name it instead",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = Name,
    };

    public static Option<MemorySize?> Size(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        CustomParser = result => Parse(result, name, "a size such as 256M or 1.5GiB", (string text, out MemorySize? value) =>
        {
            var ok = MemorySize.TryParse(text, out var size);
            value = size;
            return ok;
        }, MemorySize.UnitFault),
    };

    public static Argument<OperatorSize> SizeOrAuto(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse(result, name, "a size such as 256M or 1.5GiB, or auto", (string text, out OperatorSize value) =>
        {
            var ok = MemorySize.TryParse(text, out var size);
            value = new OperatorSize(ok ? size : null);
            return ok || text == "auto";
        }, MemorySize.UnitFault),
    };

    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "DURATION",
        CustomParser = result => Parse(result, name, DurationText.Form, (string text, out TimeSpan? value) =>
        {
            var ok = DurationText.TryParse(text, out var duration);
            value = duration;
            return ok;
        }),
    };

    public static Option<int?> Whole(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Parse(result, name, "a whole number", (string text, out int? value) =>
        {
            var ok = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            value = number;
            return ok;
        }),
    };

    /// <summary>A file on this machine. Its path is made absolute, because the daemon has another working folder.</summary>
    public static Option<string?> FilePath(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "FILE",
        CustomParser = result => Parse(result, name, "a path", (string text, out string? value) =>
        {
            var ok = text.Length > 0 && !text.Contains('\0', StringComparison.Ordinal);
            value = ok ? Path.GetFullPath(text) : null;
            return ok;
        }),
    };

    public static Option<string?> Text(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };

    public static Option<string?> OneOf(string name, string description, string helpName, params string[] choices) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result => Parse(
            result, name, $"{string.Join(", ", choices.SkipLast(1))} or {choices[^1]}", (string text, out string? value) =>
        {
            value = text;
            return choices.Contains(text);
        }),
    };

    public static Option<string?> Restart(string description) => OneOf("--restart", description, "WHEN", "never", "on-failure", "always");

    /// <summary>The name as the daemon's JSON spells it.</summary>
    public static string? RestartName(string? restart) => restart == "on-failure" ? "onFailure" : restart;

    /// <summary>A time, or a duration before now.</summary>
    public static Option<DateTimeOffset?> Since(string name, string description, TimeProvider time) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result => Parse(
            result,
            name,
            "a time such as 2026-01-31T08:00 (local) or 2026-01-31T08:00:00Z, or how long ago, such as 10m",
            (string text, out DateTimeOffset? value) =>
            {
                if (DurationText.TryParse(text, out var ago))
                {
                    value = time.GetUtcNow() - ago;
                    return true;
                }

                var ok = DateTimeOffset.TryParseExact(
                    text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var at);
                value = at;
                return ok;
            }),
    };

    /// <summary>A point in time.</summary>
    public static Option<DateTimeOffset?> Time(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result => Parse(
            result, name, "a time such as 2026-01-31T08:00 (local) or 2026-01-31T08:00:00Z", (string text, out DateTimeOffset? value) =>
            {
                var ok = DateTimeOffset.TryParseExact(
                    text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var at);
                value = at;
                return ok;
            }),
    };

    private static string? Name(ArgumentResult result) =>
        Parse(result, "NAME", NameForm, (string text, out string? value) =>
        {
            value = text;
            return VmId.TryParse(text, out _);
        });

    /// <param name="hint">What else to say about a text that is not valid.</param>
    private static T? Parse<T>(
        ArgumentResult result, string name, string right, TryParse<T?> parse, Func<string, string?>? hint = null)
    {
        var text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (parse(text, out var value))
            return value;
        result.AddError($"{name} is '{Echo.Of(text)}'; it must be {right}{hint?.Invoke(text)}");
        return default;
    }
}

/// <summary>A size set by hand; null is <c>auto</c>: DMM decides.</summary>
public readonly record struct OperatorSize(MemorySize? Size);
