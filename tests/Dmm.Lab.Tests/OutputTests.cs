using System.Diagnostics;
using Dmm.Commands;

namespace Dmm.Lab.Tests;

/// <summary>The files that the lab reads or writes.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-lab-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("run", "SCENARIO", "--laws", "static", "--json", "/dev/full")]
    [InlineData("replay", "--traces", "TRACE", "--host-memory", "2GiB", "--laws", "static", "--json", "/dev/full")]
    [InlineData("replay", "--traces", "TRACE", "--host-memory", "2GiB", "--laws", "static", "--plot", "/dev/full")]
    public async Task A_result_that_can_not_be_written_down_has_failed(params string[] args)
    {
        var (code, _, error) = await RunAsync(args);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Matches("^dmm: [^\n]* can't be written: [^\n]*\n$", error.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("run", "PIPE")]
    [InlineData("run", "/dev/zero")]
    [InlineData("run", "/")]
    [InlineData("run", "SCENARIO", "--delays", "PIPE")]
    [InlineData("run", "SCENARIO", "--delays", "/dev/zero")]
    [InlineData("replay", "--host-memory", "2GiB", "--traces", "PIPE")]
    [InlineData("replay", "--host-memory", "2GiB", "--traces", "/dev/zero")]
    public async Task What_is_no_regular_file_is_refused_and_neither_waited_for_nor_read_without_end(params string[] args)
    {
        using (var made = Process.Start("mkfifo", Path.Combine(_folder, "pipe.csv")))
            await made.WaitForExitAsync();
        var (code, _, error) = await RunAsync(args);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Matches(
            "^dmm: [^\n]* is (a named pipe|a device|a folder); a (regular )?file is needed[^\n]*\n$", error.ReplaceLineEndings("\n"));
    }

    private Task<(int Code, string Output, string Error)> RunAsync(string[] args)
    {
        var (scenario, trace) = (Path.Combine(_folder, "one.conf"), Path.Combine(_folder, "vm.csv"));
        File.WriteAllText(scenario, "memory = 2GiB, length = 60s, vms { a { max = 1GiB, need = [\"0s 200MiB\"] } }");
        File.WriteAllText(trace, "timestamp_s,provisioned_kib,used_kib\n0,1048576,200000\n300,1048576,300000\n600,1048576,200000\n");
        return LabRun.Async([
            .. args.Select(a => a.Replace("SCENARIO", scenario, StringComparison.Ordinal).Replace("TRACE", trace, StringComparison.Ordinal)
                .Replace("PIPE", Path.Combine(_folder, "pipe.csv"), StringComparison.Ordinal)),
        ]);
    }
}
