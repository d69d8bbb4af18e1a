using System.CommandLine;
using Dmm.Commands.Daemon;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Dmm.Core;

namespace Dmm.Commands;

/// <summary>The common part of all commands' verbs: socket, JSON, one-line errors, exit codes.</summary>
public sealed class CommandLine
{
    public const string SocketOption = "--socket";

    private const string SocketVariable = "DMM_SOCKET";
    private const string StandardSocket = "/run/dmm/dmm.sock";

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;

    private readonly Option<string?> _socket = new(SocketOption)
    {
        Description = $"Unix socket of dmmd [${SocketVariable}, else {StandardSocket}]",
        HelpName = "PATH",
        Recursive = true,
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON, for programs", Recursive = true };

    private readonly HashSet<Command> _verbs = [];

    private CommandLine(Terminal terminal, TimeProvider time) => (_terminal, _time) = (terminal, time);

    /// <param name="tree">The verbs, below the root command.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        string[] args, Terminal terminal, Func<CommandLine, Command> tree, CancellationToken cancellation, TimeProvider? time = null) =>
        await new CommandLine(terminal, time ?? TimeProvider.System).RunAsync(args, tree, cancellation);

    private async Task<int> RunAsync(string[] args, Func<CommandLine, Command> tree, CancellationToken cancellation)
    {
        ParseResult? parsed = null;
        try
        {
            var root = tree(this);
            root.Options.Add(_socket);
            root.Options.Add(_json);
            // Argument files (@FILE) are off: a name that begins with @ would be a surprise.
            parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Errors.Count > 0)
                throw CommandException.Usage(Misuse.Of(parsed));
            // The help of a verb that needs no daemon (dmm lab replay) does not list the daemon's options.
            _socket.Hidden = _json.Hidden = !NeedsDaemon(parsed.CommandResult.Command);
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = _terminal.Out,
                    Error = _terminal.Error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                },
                cancellation);
        }
        catch (CommandException e)
        {
            return Say(e, parsed?.GetValue(_json) == true);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (BrokenPipeException)
        {
            // The program that read the output (head, a pager) has closed the pipe: it needs no more.
            return ExitCode.Done;
        }
        catch (Exception e)
        {
            return Say(CommandException.Failed(InOneLine(e)), parsed?.GetValue(_json) == true);
        }
    }

    private bool NeedsDaemon(Command command) => _verbs.Contains(command) || command.Subcommands.Any(NeedsDaemon);

    private int Say(CommandException e, bool json)
    {
        foreach (var line in e.Lines)
            _terminal.Complain(line);
        try
        {
            if (json)
                _terminal.WriteJson(new ErrorView(string.Join('\n', e.Lines), e.Kind));
        }
        catch (Exception lost) when (lost is BrokenPipeException or CommandException)
        {
            // Standard output can't be written. That was reported already, or the exit code and the line above are enough.
        }

        return e.ExitCode;
    }

    /// <summary>
    /// Describes an unexpected exception in one line, never with a stack trace: for instance an answer that lacks a field, or a bug of
    /// this program.
    /// </summary>
    private static string InOneLine(Exception fault)
    {
        while (fault is AggregateException && fault.InnerException is { } inner)
            fault = inner;
        var text = string.Join(' ', fault.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
        return fault is IOException or UnauthorizedAccessException ? text
            : $"this should not have happened: {fault.GetType().Name}: {text}";
    }

    /// <param name="given">The option's value. An empty variable counts as none, as in shells; an empty option is a mistake.</param>
    private static string SocketOf(string? given)
    {
        if (given is not null && (given.Length == 0 || given.Contains('\0', StringComparison.Ordinal)))
            throw CommandException.Usage($"{SocketOption} is '{Echo.Of(given)}'; it must be the path of dmmd's socket");
        var socket = given ?? Environment.GetEnvironmentVariable(SocketVariable);
        return string.IsNullOrEmpty(socket) ? StandardSocket : Path.GetFullPath(socket);
    }

    /// <summary>Gives a verb its action.</summary>
    /// <param name="act">The action. It has succeeded when it returns; it throws a <see cref="CommandException"/> otherwise.</param>
    public Command Verb(Command command, Func<ParseResult, Session, CancellationToken, Task> act)
    {
        _verbs.Add(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var daemon = new DaemonClient(SocketOf(parsed.GetValue(_socket)));
            await act(parsed, new Session(daemon, _terminal, parsed.GetValue(_json), _time), cancellation);
            return ExitCode.Done;
        });
        return command;
    }
}

/// <summary>The objects that a verb works with.</summary>
public sealed record Session(DaemonClient Daemon, Terminal Terminal, bool Json, TimeProvider Time);
