using System.CommandLine;
using System.CommandLine.Parsing;
using Dmm.Core;

namespace Dmm.Commands;

/// <summary>Describes the faults of a command line. System.CommandLine's own messages name the fault, but not the right form.</summary>
public static class Misuse
{
    public static IReadOnlyList<string> Of(ParseResult parsed)
    {
        var verbs = string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(c => c.Name));

        // An argument that is not understood explains the other faults, such as a missing verb where an unknown one was given.
        if (parsed.UnmatchedTokens.Count > 0)
        {
            var token = Echo.Of(parsed.UnmatchedTokens[0]);
            return [verbs.Length > 0 && !token.StartsWith('-')
                ? $"no verb '{token}'; there are {verbs} (--help says more)" : $"unknown argument '{token}'"];
        }

        if (verbs.Length > 0)
            return [$"a verb is missing; there are {verbs} (--help says more)"];
        var missing = parsed.Errors.OrderBy(e => e.SymbolResult is OptionResult).Select(Missing).OfType<string>().Distinct().ToList();
        var others = parsed.Errors.Where(e => Missing(e) is null).Select(Say).Distinct();
        return missing.Count == 0
            ? [.. others]
            : [$"{string.Join(", ", missing)} {(missing.Count == 1 ? "is" : "are")} missing", .. others];
    }

    private static string? Missing(ParseError error) => error.SymbolResult switch
    {
        OptionResult { IdentifierTokenCount: 0 } option => option.Option.Name,
        ArgumentResult { Tokens.Count: 0, Parent: not OptionResult } argument => argument.Argument.Name,
        _ => null,
    };

    /// <summary>The library's own message of a value that it can't convert names the type of .NET.</summary>
    private static bool IsOfAnotherType(ParseError error) => error.Message.Contains("as expected type", StringComparison.Ordinal);

    private static string Right(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain == typeof(int) ? $"a whole number up to {int.MaxValue}"
            : plain == typeof(long) ? $"a whole number up to {long.MaxValue}"
            : plain == typeof(ulong) ? $"a whole number from 0 to {ulong.MaxValue}"
            : plain == typeof(double) ? "a number"
            : plain == typeof(bool) ? "true or false"
            : "of another form (--help says more)";
    }

    private static string Say(ParseError error) => error.SymbolResult switch
    {
        OptionResult { Tokens.Count: 0, IdentifierTokenCount: > 0 } option => $"{option.Option.Name} needs a value",
        OptionResult { IdentifierTokenCount: > 1 } option when option.Option.Arity.MaximumNumberOfValues == 1 =>
            $"{option.Option.Name} is given more than once",
        ArgumentResult { Tokens.Count: 0, Parent: OptionResult { Option: { } option } } => $"{option.Name} needs a value",
        OptionResult { Option: { } option, Tokens: [.., var token] } when IsOfAnotherType(error) =>
            $"{option.Name} is '{Echo.Of(token.Value)}'; it must be {Right(option.ValueType)}",
        ArgumentResult { Parent: OptionResult { Option: { } option }, Tokens: [.., var token] } when IsOfAnotherType(error) =>
            $"{option.Name} is '{Echo.Of(token.Value)}'; it must be {Right(option.ValueType)}",
        _ => string.Join(' ', error.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.'),
    };
}
