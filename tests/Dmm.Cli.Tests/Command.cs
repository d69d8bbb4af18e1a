using System.Text.Json.Nodes;
using Dmm.Commands;
using Dmm.Commands.Output;

namespace Dmm.Cli.Tests;

/// <summary>Runs the command in this process, as a shell would.</summary>
internal static class Command
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    public static Task<Result> RunAsync(FakeDaemon daemon, params string[] args) => RunAsync(daemon, width: null, colours: false, args);

    public static async Task<Result> RunAsync(FakeDaemon daemon, int? width, bool colours, params string[] args) =>
        await RunAloneAsync(width, colours, [.. args, "--socket", daemon.Socket]);

    /// <param name="said">Completed once the command has written <paramref name="word"/> as progress or error.</param>
    public static Task<Result> RunAsync(FakeDaemon daemon, string word, out Task said, params string[] args)
    {
        var error = new ListeningWriter(word);
        said = error.Said;
        return RunAloneAsync(width: null, colours: false, [.. args, "--socket", daemon.Socket], error: error);
    }

    /// <summary>Runs the command on a clock on which waits end at once, for tests of waiting.</summary>
    public static Task<Result> RunHastilyAsync(FakeDaemon daemon, params string[] args) =>
        RunAloneAsync(width: null, colours: false, [.. args, "--socket", daemon.Socket], new HastyTime());

    /// <summary>Runs the command until it ends, or the token ends it as a signal would.</summary>
    public static Task<Result> RunUntilAsync(FakeDaemon daemon, CancellationToken interrupt, params string[] args) =>
        RunAloneAsync(width: null, colours: false, [.. args, "--socket", daemon.Socket], interrupt: interrupt);

    public static Task<Result> RunAloneAsync(params string[] args) => RunAloneAsync(width: null, colours: false, args);

    private static async Task<Result> RunAloneAsync(
        int? width, bool colours, string[] args, TimeProvider? time = null, StringWriter? error = null,
        CancellationToken interrupt = default)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, interrupt);
        using var output = new StringWriter();
        using var said = error ?? new StringWriter();
        using var terminal = new Terminal(output, said, width, colours);
        var exitCode = await CommandLine.RunAsync(args, terminal, Tree.Of, either.Token, time);
        Assert.False(deadline.IsCancellationRequested, $"dmm {string.Join(' ', args)} did not end");
        return new Result(exitCode, output.ToString(), said.ToString());
    }

    private sealed class ListeningWriter(string word) : StringWriter
    {
        private readonly TaskCompletionSource _said = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Said => _said.Task;

        public override void Write(string? value)
        {
            base.Write(value);
            if (ToString().Contains(word, StringComparison.Ordinal))
                _said.TrySetResult();
        }
    }

    internal sealed record Result(int ExitCode, string Out, string Error)
    {
        public JsonNode Json => JsonNode.Parse(Out) ?? throw new InvalidOperationException("null is no answer");

        public string[] Lines => Out.TrimEnd('\n').Split('\n');
    }
}
