using Dmm.Core;
using Dmm.Lab.Traces;
using static Dmm.Lab.Tests.Shared;

namespace Dmm.Lab.Tests.Traces;

public sealed class NeedCurveTests
{
    private static readonly VmTrace Trace = new("a", 1000, [0, 300, 600, 3000, 3300], [1024, 2048, 2048, 4096, 0], MemorySize.FromMiB(8));

    [Fact]
    public void Need_steps_once_within_each_interval_in_which_it_changes()
    {
        var curve = NeedCurve.Of(Trace, BetweenSamples.Step, 1000, 5000, seed: 1);
        // 1 MiB; 2 MiB within the first interval; off five minutes after the row at 600; on again within the five minutes before the row
        // at 3000; off within the last interval.
        Assert.Equal([1 * Mib, 2 * Mib, 0, 4 * Mib, 0], curve.Need);
        Assert.Equal(0, curve.At[0]);
        Assert.InRange(curve.At[1], 0, 300 * Second);
        Assert.Equal(900 * Second, curve.At[2]);
        Assert.InRange(curve.At[3], 2700 * Second, 3000 * Second);
        Assert.InRange(curve.At[4], 3000 * Second, 3300 * Second);
    }

    [Fact]
    public void Need_moves_in_lines_where_that_is_asked_for()
    {
        var curve = NeedCurve.Of(Trace, BetweenSamples.Linear, 1000, 5000, seed: 1);
        Assert.Equal([0, 300, 600, 900, 900], curve.At[..5].Select(at => at / Second));
        Assert.Equal([1, 2, 2, 2, 0], curve.Need[..5].Select(n => n / Mib));
        // On again with a step, then the line down to the last row, and off five minutes after it.
        Assert.Equal([0, 4, 4, 0, 0], curve.Need[5..].Select(n => n / Mib));
        Assert.Equal([3000, 3300, 3600], curve.At[^3..].Select(at => at / Second));
    }

    [Fact]
    public void A_part_of_a_trace_steps_when_the_whole_does()
    {
        var whole = NeedCurve.Of(Trace, BetweenSamples.Step, 1000, 5000, seed: 7);
        var part = NeedCurve.Of(Trace, BetweenSamples.Step, 1600, 5000, seed: 7);
        Assert.Equal(whole.At[3] - (600 * Second), part.At[2]);
        Assert.Equal([2 * Mib, 0, 4 * Mib, 0], part.Need);
    }

    [Fact]
    public void A_seed_decides_when()
    {
        Assert.Equal(NeedCurve.Of(Trace, BetweenSamples.Step, 1000, 5000, 1).At, NeedCurve.Of(Trace, BetweenSamples.Step, 1000, 5000, 1)
            .At);
        Assert.NotEqual(NeedCurve.Of(Trace, BetweenSamples.Step, 1000, 5000, 1).At, NeedCurve.Of(Trace, BetweenSamples.Step, 1000, 5000, 2)
            .At);
    }
}
