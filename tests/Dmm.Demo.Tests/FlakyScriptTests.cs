using System.Diagnostics;
using System.Text.Json;
using Dmm.Testbed;

namespace Dmm.Demo.Tests;

/// <summary>scripts/flaky.sh lists the tests that failed, and those of them that passed when they were run once more.</summary>
public sealed class FlakyScriptTests : IDisposable
{
    private const string First = """
        <TestRun>
            <UnitTestResult executionId="1" testName="Stories.It_grows" computerName="vm" outcome="Failed" testType="x">
              <Output><ErrorInfo>
                  <Message>Assert.Equal() Failure: &quot;a\b&quot; &lt;&gt; 'c'
        Expected: 1</Message>
              </ErrorInfo></Output>
            </UnitTestResult>
            <UnitTestResult executionId="2" testName="Stories.It_shrinks(how: &quot;fast&quot;, by: 2)" computerName="vm" outcome="Failed">
                  <Message>too late</Message>
            </UnitTestResult>
            <UnitTestResult executionId="3" testName="Stories.It_stays" computerName="vm" outcome="Passed" testType="x" />
            <UnitTestResult executionId="4" testName="Stories.It_ends" computerName="vm" outcome="Failed" testType="x">
                  <Message>it did not</Message>
            </UnitTestResult>
        </TestRun>
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-flaky-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Who_failed_is_named() =>
        Assert.Equal(
            ["Stories.It_grows", "Stories.It_shrinks(how: \"fast\", by: 2)", "Stories.It_ends"],
            await RunAsync("failed", Write("first.trx", First)));

    [Fact]
    public async Task Who_passed_when_it_was_run_once_more_is_told_with_its_first_failure_and_kept()
    {
        var again = First
            .Replace("testName=\"Stories.It_grows\" computerName=\"vm\" outcome=\"Failed\"",
                "testName=\"Stories.It_grows\" computerName=\"vm\" outcome=\"Passed\"", StringComparison.Ordinal)
            .Replace("by: 2)\" computerName=\"vm\" outcome=\"Failed\"", "by: 2)\" computerName=\"vm\" outcome=\"Passed\"",
                StringComparison.Ordinal);
        var kept = Path.Combine(_folder, "flaky.json");

        var told = await RunAsync("again", Write("first.trx", First), Write("again.trx", again), kept);

        Assert.Equal(
            [
                "flaky: Stories.It_grows (first failure: Assert.Equal() Failure: \"a\\b\" <> 'c')",
                "flaky: Stories.It_shrinks(how: \"fast\", by: 2) (first failure: too late)",
            ],
            told);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(kept));
        Assert.Equal(
            [("Stories.It_grows", "Assert.Equal() Failure: \"a\\b\" <> 'c'"), ("Stories.It_shrinks(how: \"fast\", by: 2)", "too late")],
            json.RootElement.EnumerateArray()
                .Select(e => (e.GetProperty("name").GetString()!, e.GetProperty("firstFailure").GetString()!)));
    }

    [Fact]
    public async Task Who_fails_again_is_not_flaky()
    {
        var kept = Path.Combine(_folder, "flaky.json");

        Assert.Empty(await RunAsync("again", Write("first.trx", First), Write("again.trx", First), kept));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(kept));
        Assert.Equal(0, json.RootElement.GetArrayLength());
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(Path.Combine(_folder, name), text);
        return Path.Combine(_folder, name);
    }

    private static async Task<string[]> RunAsync(params string[] arguments)
    {
        using var script =
            Process.Start(new ProcessStartInfo(Repository.PathOf("scripts", "flaky.sh"), arguments) { RedirectStandardOutput = true })!;
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var said = await script.StandardOutput.ReadToEndAsync(late.Token);
        await script.WaitForExitAsync(late.Token);
        Assert.Equal(0, script.ExitCode);
        return said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
