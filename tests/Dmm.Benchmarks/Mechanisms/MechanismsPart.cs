using System.CommandLine;
using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Mechanisms;

/// <summary>
/// Measures the times of this machine's mechanisms on a real guest. <c>mechanisms.json</c> has every movement; <c>dmm lab replay
/// --delays</c> reads <c>delays.json</c>.
/// </summary>
internal static class MechanismsPart
{
    public const string DelaysFile = "delays.json";

    public static Command Build(Option<string> output)
    {
        var rounds = new Option<int>("--rounds") { Description = "How often each movement is made", DefaultValueFactory = _ => 5 };
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1000)
                result.AddError("--rounds must be from 1 to 1000");
        });
        var append = new Option<string>("--append")
        {
            Description = "Kernel options beside the shipped ones, such as init_on_alloc=0",
            DefaultValueFactory = _ => "",
        };
        var command = new Command("mechanisms", "Delays of plug, unplug, balloon and hearing on a real guest, for the lab")
        {
            rounds,
            append,
            output,
        };
        command.SetAction((parsed, cancellation) => PartRun.GuardAsync(
            "mechanisms", say => RunAsync(parsed.GetValue(rounds), parsed.GetValue(append)!, parsed.GetValue(output)!, say, cancellation),
            cancellation));
        return command;
    }

    private static async Task RunAsync(int rounds, string append, string output, Say say, CancellationToken cancellation)
    {
        var machine = await QemuMachine.LookAsync(cancellation);
        var measures = await new MechanismsRun(rounds, append, say, cancellation).RunAsync();
        var report = MechanismsReport.Of(machine, MeasuredGuest.Append(append), rounds, measures);
        var file = ReportFile.Write(output, "mechanisms.json", report);
        var delays = ReportFile.Write(output, DelaysFile, measures.ForTheLab());
        say.Line(
            $"plug {report.Plug.LatencyMs} ms + {report.Plug.MibPerSecond} MiB/s, unplug {report.Unplug.LatencyMs} ms "
                + $"+ {report.Unplug.MibPerSecond} MiB/s");
        say.Line(
            $"inflate {report.Inflate.LatencyMs} ms + {report.Inflate.MibPerSecond} MiB/s, deflate {report.Deflate.LatencyMs} ms "
                + $"+ {report.Deflate.MibPerSecond} MiB/s");
        say.Line(
            $"hearing {report.HearingMs.Text("ms")}, a sample after a movement {report.SampleAfterMoveMs.Text("ms")}, confirmed "
                + $"each {report.ConfirmMs.Text("ms")}");
        say.Line($"{file}; for the lab: {delays}");
    }
}
