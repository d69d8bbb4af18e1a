using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// How much a lack of memory hurt a guest between two samples: the part of the time, 0 to 1, in which some task stalled on memory. Where
/// the guest measures that (PSI), its figure is used. Elsewhere each page that had to be read again counts as the time that one read costs.
/// Sources: Linux, Documentation/accounting/psi.rst; Weiner et al., TMO, ASPLOS 2022, for the measure.
/// </summary>
public static class Harm
{
    /// <summary>The time to read one page from swap or disk: a tenth of a millisecond is a good flash disk.</summary>
    private const double SecondsPerPage = 1e-4;

    public static double Between(GuestSample last, GuestSample sample)
    {
        var seconds = (sample.At - last.At).TotalSeconds;
        if (!(seconds > 0))
            return 0;
        var stalled = ((double)sample.StallSomeMicroseconds - last.StallSomeMicroseconds) / 1e6;
        // A counter that went back means that the guest booted anew.
        if (stalled <= 0 && sample.StallSomeMicroseconds == 0)
            stalled = SecondsPerPage * (Grown(last.SwapIns, sample.SwapIns) + (Grown(last.MajorFaults, sample.MajorFaults) / 8));
        return Math.Clamp(stalled / seconds, 0, 1);
    }

    private static double Grown(long before, long after) => Math.Max(0, (double)after - before);
}
