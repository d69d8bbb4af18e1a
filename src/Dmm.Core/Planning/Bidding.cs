using Dmm.Core.Demand;

namespace Dmm.Core.Planning;

/// <summary>
/// From a forecast to a bid, and from a plan to what is asked at once: what the daemon and its law in the lab do alike, so that what the
/// lab shows of the law is true of the daemon.
/// </summary>
public static class Bidding
{
    /// <param name="bid">Who it is and what it holds; what it wants is filled in.</param>
    /// <param name="step">The least change worth a resize, and the grid of what is wanted.</param>
    /// <param name="deadBand">A VM nearer to its goal than this part of its size is left alone, 0 to 1.</param>
    /// <param name="margin">The least MemAvailable that a shrink leaves the guest.</param>
    public static Bid With(this Bid bid, Forecast forecast, MemorySize step, double deadBand, MemorySize margin)
    {
        var want = forecast.Demand.RoundUp(step);
        if (!forecast.Urgent && want > bid.Held && want - bid.Held < MemorySize.Max(step, bid.Held.Scale(deadBand)))
            want = bid.Held;
        return bid with
        {
            Want = want,
            ShrinkTo = MemorySize.Max(want, forecast.ShrinkTo.RoundUp(step)),
            TakenTo = (forecast.Used + margin).RoundUp(step),
            Urgent = forecast.Urgent,
            Need = forecast.Need.RoundUp(step.Scale(Arbiter.ShortStep)),
            Harm = Steady(forecast.Harm),
        };
    }

    /// <summary>
    /// What a guest used lately it gives slowly while nobody is in need, so that a shrink that hurts is seen before it is deep. Slack it
    /// gives at once.
    /// </summary>
    /// <param name="asked">The target that it was last told.</param>
    /// <param name="step">The most that it is asked now beyond that.</param>
    public static MemorySize Slowly(Allotment allotment, in Bid bid, MemorySize asked, MemorySize step)
    {
        if (allotment.Ruling != Ruling.GivesPast)
            return allotment.Target;
        var slack = MemorySize.Max(allotment.Target, bid.ShrinkTo.Clamp(bid.Min, bid.Max));
        return MemorySize.Max(allotment.Target, MemorySize.Min(MemorySize.Min(asked, bid.Held), slack).MinusOrZero(step));
    }

    /// <summary>To a power of two: what is forgotten bit by bit would move memory bit by bit.</summary>
    private static double Steady(double harm) => harm > 1.0 / 1024 ? Math.Pow(2, Math.Round(Math.Log2(harm))) : 0;
}
