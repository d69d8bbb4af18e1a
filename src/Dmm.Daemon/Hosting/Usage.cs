using System.CommandLine;
using System.CommandLine.Parsing;
using Dmm.Core;

namespace Dmm.Daemon.Hosting;

/// <summary>Describes the faults of dmmd's command line in plain words.</summary>
public static class Usage
{
    /// <returns>One line per fault; none where nothing is wrong.</returns>
    public static IReadOnlyList<string> FaultsOf(ParseResult parsed)
    {
        if (parsed.Errors.Count == 0)
            return [];
        var verbs = string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(c => c.Name));
        if (parsed.UnmatchedTokens is [var token, ..])
        {
            return [$"unknown argument '{Echo.Of(token)}'{(verbs.Length > 0 ? $"; there are {verbs}" : "")} (--help says more)"];
        }

        if (parsed.CommandResult.Command is not RootCommand && verbs.Length > 0)
            return [$"a verb is missing; there are {verbs} (--help says more)"];
        return [.. parsed.Errors.Select(Say).Distinct()];
    }

    private static string Say(ParseError error) => error.SymbolResult switch
    {
        OptionResult { IdentifierTokenCount: > 1 } option => $"{option.Option.Name} is given more than once",
        OptionResult { Tokens.Count: 0 } option => $"{option.Option.Name} needs a value",
        ArgumentResult { Tokens.Count: 0, Parent: OptionResult { Option: { } option } } => $"{option.Name} needs a value",
        _ => string.Join(' ', error.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries)),
    };
}
