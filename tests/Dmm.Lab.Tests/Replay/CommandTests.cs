using System.Text.Json.Nodes;
using Dmm.Commands;
using Dmm.Core.Laws;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Tests.Replay;

public sealed class CommandTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public CommandTests()
    {
        foreach (var trace in SyntheticTraces.Make(6, TimeSpan.FromHours(6), 2))
            TraceWriter.Write(trace, Path.Combine(_folder.Path, $"{trace.Name}.csv.gz"));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--host-memory", "4096", "a percentage such as 50%: 4096 has no unit; did you mean 4096M?")]
    [InlineData("--host-memory", "9000000T", "--host-memory is '9000000T'; it must be a size such as 64GiB, or a percentage such as 50%")]
    [InlineData("--min", "128", "128 has no unit; did you mean 128M?")]
    [InlineData("--format", "csv", "--format is 'csv'; it must be auto, gwa-t-12 or dmm")]
    [InlineData("--between", "spline", "--between is 'spline'; it must be step or linear")]
    [InlineData("--seed", "x", "--seed is 'x'; it must be a whole number from 0 to 18446744073709551615")]
    [InlineData("--vms", "x", "--vms is 'x'; it must be a whole number up to 2147483647")]
    [InlineData("--period", "x", "--period is 'x'; it must be a number")]
    [InlineData("--period", "NaN", "--period is 'NaN'; it must be from 0.1 to 60 seconds")]
    [InlineData("--shortfall", "x", "--shortfall is 'x'; it must be a number")]
    [InlineData("--shortfall", "2", "--shortfall is '2'; it must be from 0 to 1")]
    [InlineData("--orders", "1.5", "--orders is '1.5'; it must be a whole number up to 2147483647")]
    [InlineData("--orders", "0", "--orders is '0'; it must be from 1 to 10000")]
    public async Task A_wrong_argument_is_one_line(string option, string value, string line)
    {
        string[] memory = option == "--host-memory" ? [] : ["--host-memory", "50%"];
        var verb = option is "--shortfall" or "--orders" ? "density" : "replay";
        var (code, output, error) = await Run([verb, "--traces", _folder.Path, .. memory, option, value]);
        Assert.Equal((ExitCode.Usage, ""), (code, output));
        Assert.Contains(line, error, StringComparison.Ordinal);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
    }

    [Fact]
    public async Task Replay_prints_a_line_for_each_law_and_writes_the_figures()
    {
        var json = Path.Combine(_folder.Path, "out", "figures.json");
        var (code, output, _) = await Run("replay", "--traces", _folder.Path, "--host-memory", "40%", "--json", json);
        Assert.Equal(0, code);
        var laws = JsonNode.Parse(File.ReadAllText(json))!["laws"]!.AsArray();
        Assert.Equal(Lab.Replay.LabLaw.Names, laws.Select(law => (string)law!["law"]!));
        foreach (var law in laws)
        {
            foreach (var figure in new[]
            {
                "shortfallRatio",
                "shortfallTimeRatio",
                "slackRatio",
                "movedRatio",
                "resizesPerVmHour",
                "jain",
                "admitted",
                "seconds",
            })
                Assert.True(law![figure]!.GetValue<double>() >= 0, $"{law["law"]} {figure}");
            Assert.Contains((string)law!["law"]!, output);
        }
    }

    [Fact]
    public async Task A_law_is_fitted_on_some_vms_reported_on_others_and_drawn()
    {
        var (json, png) = (Path.Combine(_folder.Path, "out", "f.json"), Path.Combine(_folder.Path, "out", "f.png"));
        var (code, _, error) = await Run(
            "replay", "--traces", _folder.Path, "--host-memory", "30%", "--laws", "hyperv,static", "--holdout", "1,2,3", "--fit", "--plot",
            png, "--plot-vms", "2", "--json", json);
        Assert.True(code == 0, error);
        var report = JsonNode.Parse(File.ReadAllText(json))!;
        Assert.Equal(3, (int)report["vms"]!);
        Assert.True(report["curves"]![0]!["points"]!.AsArray().Count > 3);
        Assert.Equal([0x89, .. "PNG"u8], File.ReadAllBytes(png)[..4]);
    }

    [Fact]
    public async Task Laws_are_compared_at_no_more_slack_than_each_leaves()
    {
        var (code, output, error) = await Run(
            "replay", "--traces", _folder.Path, "--host-memory", "60%", "--laws", "dmm,hyperv", "--equal-slack", "--json", "-");
        Assert.True(code == 0, error);
        var report = JsonNode.Parse(output[output.IndexOf('{')..])!;
        var own = report["curves"]!.AsArray().Single(c => (string)c!["law"]! == "dmm")!["points"]!.AsArray();
        var points = report["equalSlack"]!.AsArray();
        Assert.Equal(LawCatalog.Get("hyperv").Safety!.Values.Length, points.Count);
        foreach (var point in points)
        {
            var noMore = own.Where(p => (double)p!["slackRatio"]! <= (double)point!["slackRatio"]!).ToList();
            Assert.Equal(noMore.Count == 0 ? null : noMore.Min(p => (double)p!["shortfallRatio"]!), (double?)point!["ownShortfallRatio"]);
        }
    }

    [Fact]
    public async Task What_is_made_ideal_brings_dmm_nearer_to_perfect_foresight()
    {
        var (code, output, error) = await Run(
            "replay", "--traces", _folder.Path, "--host-memory", "60%", "--laws", "dmm", "--explain-loss", "--json", "-");
        Assert.True(code == 0, error);
        var loss = JsonNode.Parse(output[output.IndexOf('{')..])!["loss"]!.AsArray()
            .ToDictionary(f => (string)f!["ideal"]!, f => (double)f!["shortfallRatio"]!);
        Assert.Equal(["nothing", "delay", "forecast", "guarantee", "cushion", "all", "perfect foresight"], loss.Keys);
        Assert.True(loss["forecast"] < loss["nothing"] && loss["all"] <= loss["forecast"] && loss["perfect foresight"] <= loss["all"],
            string.Join(", ", loss));
    }

    [Fact]
    public async Task A_scenario_is_played_under_each_law()
    {
        var file = _folder.File(
            "s.conf", "memory = 1GiB", "length = 5m", "vms {", "a { max = 1GiB, need = [\"0s 100MiB\", \"60s 700MiB\"] }",
            "b { max = 1GiB, joins = 2m, need = [\"2m 200MiB\"] }", "}");
        var (code, output, error) = await Run("run", file, "--laws", "dmm,static", "--json", "-");
        Assert.True(code == 0, error);
        Assert.Equal(["dmm", "static"], JsonNode.Parse(output[output.IndexOf('{')..])!["laws"]!.AsArray()
            .Select(law => (string)law!["law"]!));
    }

    [Fact]
    public async Task The_same_seed_writes_the_same_json()
    {
        async Task<string> Json()
        {
            var (_, output, _) = await Run(
                "density", "--traces", _folder.Path, "--host-memory", "8GiB", "--laws", "static,dmm,oracle", "--orders", "3", "--json",
                "-");
            var json = JsonNode.Parse(output[output.IndexOf('{')..])!;
            foreach (var law in json["laws"]!.AsArray())
                law!.AsObject().Remove("seconds");
            return json.ToJsonString();
        }

        Assert.Equal(await Json(), await Json());
    }

    [Theory]
    [InlineData("there is no law 'magic'; there are dmm, static,", "--laws", "magic")]
    [InlineData("--from is 'monday'; it must be a time", "--from", "monday")]
    [InlineData("the traces have nothing between", "--from", "2030-01-01T00:00Z")]
    [InlineData("/nowhere.json:", "--delays", "/nowhere.json")]
    [InlineData("--fit needs --holdout", "--fit")]
    [InlineData("--laws must name it", "--laws", "hyperv", "--equal-slack")]
    [InlineData("either --traces", "--recorded", "x")]
    [InlineData("--vms is 0; it must be at least 1", "--vms", "0")]
    public async Task What_is_wrong_is_one_line_that_says_what_would_be_right(string message, params string[] options)
    {
        var (code, _, error) = await Run(["replay", "--traces", _folder.Path, "--host-memory", "50%", .. options]);
        Assert.Equal(LabCommand.Misused, code);
        Assert.Contains(message, error);
    }

    [Fact]
    public async Task Only_the_help_of_a_verb_that_needs_the_daemon_lists_its_socket()
    {
        Assert.DoesNotContain("--socket", (await LabRun.Async("replay", "--help")).Output, StringComparison.Ordinal);
        Assert.Contains("--socket", (await LabRun.Async("record", "--help")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_rows_are_told_and_counted()
    {
        var file = _folder.File("bad.csv", TraceWriter.Heading, "1372629600,1024,5", "oops");
        var (code, _, error) = await Run("replay", "--traces", _folder.Path, "--host-memory", "50%", "--laws", "static");
        Assert.Equal(0, code);
        Assert.Contains($"{file}:3: it has 1 fields", error);
        Assert.Contains("1 of ", error);
    }

    [Fact]
    public async Task An_interruption_ends_it()
    {
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        var (code, _, _) = await LabRun.Async(["replay", "--traces", _folder.Path, "--host-memory", "50%"], cancellation.Token);
        Assert.Equal(ExitCode.Interrupted, code);
    }

    private static Task<(int Code, string Output, string Error)> Run(params string[] arguments) => LabRun.Async(arguments);
}
