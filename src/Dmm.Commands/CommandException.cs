using Dmm.Contracts;

namespace Dmm.Commands;

/// <summary>Ends the command with one line on standard error and an exit code.</summary>
public sealed class CommandException(int exitCode, string kind, IReadOnlyList<string> lines)
    : Exception(string.Join(Environment.NewLine, lines))
{
    public int ExitCode { get; } = exitCode;

    /// <summary>One of the values of <see cref="ErrorView.Kind"/>, or <c>unreachable</c> where there was no answer.</summary>
    public string Kind { get; } = kind;

    public IReadOnlyList<string> Lines { get; } = lines;

    public static CommandException Usage(params IReadOnlyList<string> lines) => new(Commands.ExitCode.Usage, "invalid", lines);

    public static CommandException Failed(string line, string kind = "failed") => new(Commands.ExitCode.Failed, kind, [line]);

    public static CommandException Unreachable(string line) => new(Commands.ExitCode.Unreachable, "unreachable", [line]);
}
