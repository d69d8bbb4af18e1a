using System.CommandLine;
using Dmm.Cli.Daemon;
using Dmm.Cli.Output;
using Dmm.Cli.Verbs;
using Dmm.Contracts;
using Dmm.Lab;

namespace Dmm.Cli;

/// <summary>The command <c>dmm</c>: its tree of verbs, and what they have in common: socket, JSON, one-line errors, exit codes.</summary>
internal sealed class CommandLine
{
    private const string SocketVariable = "DMM_SOCKET";
    private const string StandardSocket = "/run/dmm/dmm.sock";

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;

    private readonly Option<string?> _socket = new("--socket")
    {
        Description = $"Unix socket of dmmd [${SocketVariable}, else {StandardSocket}]",
        HelpName = "PATH",
        Recursive = true,
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON, for programs", Recursive = true };

    private CommandLine(Terminal terminal, TimeProvider time) => (_terminal, _time) = (terminal, time);

    public static async Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellation, TimeProvider? time = null) =>
        await new CommandLine(terminal, time ?? TimeProvider.System).RunAsync(args, cancellation);

    private async Task<int> RunAsync(string[] args, CancellationToken cancellation)
    {
        // Files of arguments (@FILE) are more surprise than help here.
        var parsed = Tree().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        try
        {
            if (parsed.Errors.Count > 0)
                throw CommandException.Usage(Misuse.Of(parsed));
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
            return Say(e, parsed.GetValue(_json));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (BrokenPipeException)
        {
            // Who read the output (head, a pager) has had enough of it.
            return ExitCode.Done;
        }
        catch (Exception e)
        {
            return Say(CommandException.Failed(InOneLine(e)), parsed.GetValue(_json));
        }
    }

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
            // Standard output can't be written: that is said already, or the exit code and the line above say more.
        }

        return e.ExitCode;
    }

    /// <summary>What nobody foresaw: an answer without what must be in it, a fault of this program. Never with a stack.</summary>
    private static string InOneLine(Exception fault)
    {
        while (fault is AggregateException && fault.InnerException is { } inner)
            fault = inner;
        var text = string.Join(' ', fault.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
        return fault is IOException or UnauthorizedAccessException ? text : $"this should not have happened: {fault.GetType().Name}: {text}";
    }

    private RootCommand Tree()
    {
        var root = new RootCommand("Memory of virtual machines, where it is needed: talks to dmmd, which manages it.");
        root.Options.Add(_socket);
        root.Options.Add(_json);

        var host = new Command("host", "This host's memory");
        host.Subcommands.Add(HostShow.Build(this));
        var vm = new Command("vm", "Virtual machines");
        foreach (var verb in new[]
                 {
                     VmList.Build(this), VmShow.Build(this), VmExplain.Build(this), VmCreate.Build(this), VmAdopt.Build(this), VmSet.Build(this),
                     VmResize.Build(this), VmStop.Build(this), VmStart.Build(this), VmForget.Build(this),
                 })
        {
            vm.Subcommands.Add(verb);
        }

        root.Subcommands.Add(host);
        root.Subcommands.Add(vm);
        root.Subcommands.Add(Events.Build(this));
        var lab = LabCommand.Build();
        lab.Subcommands.Add(LabRecord.Build(this));
        root.Subcommands.Add(lab);
        return root;
    }

    /// <summary>Gives a verb its action.</summary>
    /// <param name="act">Done when it returns; anything else it throws as a <see cref="CommandException"/>.</param>
    public Command Verb(Command command, Func<ParseResult, Session, CancellationToken, Task> act)
    {
        command.SetAction(async (parsed, cancellation) =>
        {
            var socket = parsed.GetValue(_socket) ?? Environment.GetEnvironmentVariable(SocketVariable);
            using var daemon = new DaemonClient(string.IsNullOrEmpty(socket) ? StandardSocket : Path.GetFullPath(socket));
            await act(parsed, new Session(daemon, _terminal, parsed.GetValue(_json), _time), cancellation);
            return ExitCode.Done;
        });
        return command;
    }
}

/// <summary>What a verb works with.</summary>
internal sealed record Session(DaemonClient Daemon, Terminal Terminal, bool Json, TimeProvider Time);
