using Dmm.Contracts;

namespace Dmm.Cli;

/// <summary>Ends the command with one line on standard error and an exit code.</summary>
internal sealed class CommandException(int exitCode, string kind, IReadOnlyList<string> lines)
    : Exception(string.Join(Environment.NewLine, lines))
{
    public int ExitCode { get; } = exitCode;

    /// <summary>As <see cref="ErrorView.Kind"/>; <c>unreachable</c> where there was no answer.</summary>
    public string Kind { get; } = kind;

    public IReadOnlyList<string> Lines { get; } = lines;

    public static CommandException Usage(params IReadOnlyList<string> lines) => new(Cli.ExitCode.Usage, "invalid", lines);

    public static CommandException Failed(string line, string kind = "failed") => new(Cli.ExitCode.Failed, kind, [line]);

    public static CommandException Unreachable(string line) => new(Cli.ExitCode.Unreachable, "unreachable", [line]);
}
