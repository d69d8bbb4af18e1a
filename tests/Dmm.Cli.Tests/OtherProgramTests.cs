using System.Diagnostics;
using Dmm.Commands;

namespace Dmm.Cli.Tests;

public sealed class OtherProgramTests
{
    [Theory]
    [InlineData("dmm-lab", "lab")]
    [InlineData("dmm-lab", "lab", "--help")]
    [InlineData("dmm-lab", "lab", "replay", "--traces", "x")]
    [InlineData("dmm-lab", "--socket", "vm", "--json", "lab", "record", "x")]
    [InlineData("dmm-lab", "--socket=vm", "lab", "record", "x")]
    [InlineData("dmm-simulate", "lab", "simulate", "--steps", "3")]
    [InlineData("dmm-simulate", "--json", "lab", "campaign")]
    [InlineData(null, "vm", "show", "lab")]
    [InlineData(null, "--socket", "lab", "vm", "list")]
    [InlineData(null, "--help")]
    [InlineData(null)]
    public void Only_the_verb_makes_it_another_program(string? program, params string[] args) =>
        Assert.Equal(program, OtherProgram.Of(args));

    [Fact]
    public async Task It_takes_over_with_all_arguments_and_its_exit_code_is_the_commands()
    {
        var folder = Directory.CreateTempSubdirectory("dmm-other-").FullName;
        var path = Path.Combine(folder, "dmm-lab");
        File.WriteAllText(path, "#!/bin/sh\nprintf '%s,' \"$@\"\nexit 7\n");
        Assert.Equal(
            (ExitCode.Failed, $"dmm: {path} can't be started: Permission denied\n"), await RunAsync(folder, ["lab", "run"], error: true));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Equal((7, "--json,lab,run,a b,é,"), await RunAsync(folder, ["--json", "lab", "run", "a b", "é"]));
        var (code, said) = await RunAsync(folder, ["lab", "simulate"], error: true);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Matches(
            "^dmm: this verb is a program of its own, dmm-simulate, which is neither beside dmm [^\n]* 'make simulate' builds it\n$", said);
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<(int Code, string Said)> RunAsync(string path, string[] args, bool error = false)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "dmm.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = path;
        using var process = Process.Start(start)!;
        var (output, said) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return (process.ExitCode, error ? await said : await output);
    }
}
