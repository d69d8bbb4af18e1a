using Dmm.Core;

namespace Dmm.Demo.Reporting;

/// <summary>All samples of a run, and the queries that the checks need. One writer, any number of readers.</summary>
public sealed class Timeline
{
    private readonly Lock _gate = new();
    private readonly List<Sample> _samples = [];
    private readonly List<StoryLine> _story = [];
    private readonly List<HostSample> _host = [];

    public IReadOnlyList<Sample> Samples => Copy(_samples);

    public IReadOnlyList<StoryLine> Story => Copy(_story);

    public IReadOnlyList<HostSample> Host => Copy(_host);

    public void Add(IEnumerable<Sample> round)
    {
        lock (_gate)
            _samples.AddRange(round);
    }

    public void Add(StoryLine line)
    {
        lock (_gate)
            _story.Add(line);
    }

    public void Add(HostSample sample)
    {
        lock (_gate)
            _host.Add(sample);
    }

    public IReadOnlyList<Sample> Of(string vm, TimeSpan from, TimeSpan to) =>
        [.. Samples.Where(s => s.Vm == vm && s.At >= from && s.At <= to)];

    /// <summary>
    /// The most that this many guests together were ever seen to have, according to QEMU. Guests are sampled one after the other, so
    /// memory that moves from one to another in between would be counted twice. So each guest counts with the lower value of two
    /// consecutive rounds, which it had at least at the moment between them.
    /// </summary>
    public MemorySize PeakTogether(int guests)
    {
        var peak = MemorySize.Zero;
        Dictionary<string, MemorySize> before = [];
        foreach (var round in Samples.GroupBy(s => s.Round))
        {
            var now = round.ToDictionary(s => s.Vm, s => s.Qemu.Actual);
            if (now.Count == guests && before.Count == guests)
                peak = MemorySize.Max(peak, now.Aggregate(MemorySize.Zero, (all, vm) => all + MemorySize.Min(vm.Value, before[vm.Key])));
            before = now;
        }

        return peak;
    }

    private IReadOnlyList<T> Copy<T>(List<T> list)
    {
        lock (_gate)
            return [.. list];
    }
}
