using System.Text.Json.Nodes;
using Dmm.Cli.Output;

namespace Dmm.Cli.Tests;

/// <summary>The command, run in this process as a shell would.</summary>
internal static class Command
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static Task<Result> RunAsync(FakeDaemon daemon, params string[] args) => RunAsync(daemon, width: null, colours: false, args);

    public static async Task<Result> RunAsync(FakeDaemon daemon, int? width, bool colours, params string[] args) =>
        await RunAloneAsync(width, colours, [.. args, "--socket", daemon.Socket]);

    public static Task<Result> RunAloneAsync(params string[] args) => RunAloneAsync(width: null, colours: false, args);

    private static async Task<Result> RunAloneAsync(int? width, bool colours, string[] args)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var terminal = new Terminal(output, error, width, colours);
        var exitCode = await CommandLine.RunAsync(args, terminal, deadline.Token);
        Assert.False(deadline.IsCancellationRequested, $"dmm {string.Join(' ', args)} did not end");
        return new Result(exitCode, output.ToString(), error.ToString());
    }

    internal sealed record Result(int ExitCode, string Out, string Error)
    {
        public JsonNode Json => JsonNode.Parse(Out) ?? throw new InvalidOperationException("null is no answer");

        public string[] Lines => Out.TrimEnd('\n').Split('\n');
    }
}
