using System.CommandLine;
using System.CommandLine.Parsing;

namespace Dmm.Cli;

/// <summary>What is wrong with a command line, in the words of this command: System.CommandLine's own name the fault, but not what would be right.</summary>
internal static class Misuse
{
    public static IReadOnlyList<string> Of(ParseResult parsed)
    {
        var verbs = string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(c => c.Name));

        // What is not understood explains the other faults, such as a verb that is missing where an unknown one stands.
        if (parsed.UnmatchedTokens.Count > 0)
        {
            var token = parsed.UnmatchedTokens[0];
            return [verbs.Length > 0 && !token.StartsWith('-') ? $"no verb '{token}'; there are {verbs}" : $"unknown argument '{token}'"];
        }

        return verbs.Length > 0
            ? [$"a verb is missing; there are {verbs} (--help says more)"]
            : [.. parsed.Errors.Select(Say).Distinct()];
    }

    private static string Say(ParseError error) => error.SymbolResult switch
    {
        OptionResult { Tokens.Count: 0, IdentifierTokenCount: > 0 } option => $"{option.Option.Name} needs a value",
        OptionResult { IdentifierTokenCount: 0 } option => $"{option.Option.Name} is missing",
        OptionResult { IdentifierTokenCount: > 1 } option when option.Option.Arity.MaximumNumberOfValues == 1 => $"{option.Option.Name} is given more than once",
        ArgumentResult { Tokens.Count: 0, Parent: OptionResult { Option: { } option } } => $"{option.Name} needs a value",
        ArgumentResult { Tokens.Count: 0 } argument => $"{argument.Argument.Name} is missing",
        _ => error.Message.TrimEnd('.'),
    };
}
