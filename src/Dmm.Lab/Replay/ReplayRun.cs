using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Dmm.Core;
using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>Plays the same VMs under several laws, as many at the same time as there are processors.</summary>
internal sealed class ReplayRun(TraceHost host, MemorySize memory, MechanismDelays delays, ulong seed)
{
    /// <summary>Called with a law's name and the part of its replay that is done, 0 to 1; from several threads.</summary>
    public Action<string, double>? Progress { get; init; }

    /// <summary>The record of chosen VMs' memory over time; null: none.</summary>
    public MemoryRecord? Record { get; init; }

    /// <summary>
    /// The period of DMM's plans. It is also the least period of its peers; a peer whose own period is longer keeps it. Null: each
    /// law's own.
    /// </summary>
    public TimeSpan? Period { get; init; }

    public IReadOnlyList<ReplayFigures> Run(IReadOnlyList<string> laws, CancellationToken cancellation) =>
        Run([.. laws.Select(name => name == LabLaw.Oracle ? null : LabLaw.Of(name))], cancellation);

    /// <summary>Runs each law with each value of its safety setting. Laws without one are left out.</summary>
    public IReadOnlyList<SafetyCurve> Sweep(IReadOnlyList<string> laws, CancellationToken cancellation)
    {
        var made = laws.Where(name => name != LabLaw.Oracle).Select(LabLaw.Of).Where(law => law.Safety is not null)
            .SelectMany(law => law.Safety!.Values.Select(law.With)).ToList();
        var figures = Run(made, cancellation);
        return
        [
            .. made.Zip(figures, (law, f) => (law, Point: new SafetyPoint(law.Value!.Value, f.ShortfallRatio, f.SlackRatio)))
                .GroupBy(pair => pair.law.Name)
                .Select(group => new SafetyCurve(
                    group.Key, group.First().law.Safety!.Meaning, group.First().law.Safety!.Default,
                    [.. group.Select(pair => pair.Point)])),
        ];
    }

    /// <param name="laws">Null: perfect foresight.</param>
    public IReadOnlyList<ReplayFigures> Run(IReadOnlyList<LabLaw?> laws, CancellationToken cancellation)
    {
        var figures = new ReplayFigures[laws.Count];
        var options = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.For(0, laws.Count, options, i => figures[i] = One(laws[i], cancellation));
        }
        catch (AggregateException e)
        {
            // One of the exceptions is enough.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return figures;
    }

    private ReplayFigures One(LabLaw? law, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        if (law is null)
        {
            var takes = new bool[host.Vms.Count];
            takes.AsSpan(0, LabLaw.AdmitByMin(host.Vms, memory.Bytes)).Fill(true);
            var oracle = new OracleReplay(host.Vms, delays, host.End, cancellation).Run(memory.Bytes, takes);
            return oracle with { Seconds = clock.Elapsed.TotalSeconds };
        }

        return One(law.Name, law, law.CreateWith(Period), clock, cancellation);
    }

    private ReplayFigures One(string name, LabLaw rule, ILaw law, Stopwatch clock, CancellationToken cancellation)
    {
        var vms = host.For(law);
        var admitted = rule.Admit(vms, memory.Bytes);
        var engine = new ReplayEngine(memory.Bytes, [.. vms.Take(admitted)], law, delays, host.End, seed, Period ?? default);
        engine.GoesOn = () =>
        {
            cancellation.ThrowIfCancellationRequested();
            Progress?.Invoke(name, engine.Now / (double)host.End);
            Record?.Take(name, engine);
            return true;
        };
        engine.Run();
        Progress?.Invoke(name, 1);
        return engine.Figures(name, admitted, clock.Elapsed.TotalSeconds);
    }
}

/// <summary>The results of a law over its safety setting.</summary>
/// <param name="Setting">The meaning of the setting.</param>
/// <param name="Default">The law's default value.</param>
public sealed record SafetyCurve(string Law, string Setting, double Default, IReadOnlyList<SafetyPoint> Points);

public sealed record SafetyPoint(double Value, double ShortfallRatio, double SlackRatio);
