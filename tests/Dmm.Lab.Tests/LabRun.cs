using Dmm.Commands;
using Dmm.Commands.Output;

namespace Dmm.Lab.Tests;

/// <summary>Runs the command in this process, as a shell would.</summary>
internal static class LabRun
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    /// <param name="arguments">The arguments after <c>dmm lab</c>.</param>
    public static async Task<(int Code, string Output, string Error)> Async(params string[] arguments)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        var done = await Async(arguments, deadline.Token);
        Assert.False(deadline.IsCancellationRequested, $"dmm lab {string.Join(' ', arguments)} did not end");
        return done;
    }

    public static async Task<(int Code, string Output, string Error)> Async(string[] arguments, CancellationToken cancellation)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var terminal = new Terminal(output, error, width: null, colours: false);
        var code = await CommandLine.RunAsync(["lab", .. arguments], terminal, LabCommand.Tree, cancellation);
        return (code, output.ToString(), error.ToString());
    }
}
