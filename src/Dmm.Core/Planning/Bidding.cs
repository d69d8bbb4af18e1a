using Dmm.Core.Demand;

namespace Dmm.Core.Planning;

/// <summary>
/// Makes a bid from a forecast, and a request from an allotment. The daemon and its law in the lab share this code, so that what the lab
/// shows of the law is true of the daemon.
/// </summary>
public static class Bidding
{
    /// <param name="bid">The VM and what it holds; the method fills in what it wants.</param>
    /// <param name="step">The smallest change that is worth a resize; also the grid to which wants are rounded up.</param>
    /// <param name="deadBand">A VM whose distance to its goal is below this part of its size is left alone, 0 to 1.</param>
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
    /// The target to ask for now. While no VM is in need, a guest gives memory that it used lately only step by step, so that a shrink
    /// that hurts is noticed before it is deep. Slack is given at once.
    /// </summary>
    /// <param name="asked">The target that the VM was last told.</param>
    /// <param name="step">The most that the VM is now asked to give beyond that.</param>
    public static MemorySize Slowly(Allotment allotment, in Bid bid, MemorySize asked, MemorySize step)
    {
        if (allotment.Ruling != Ruling.GivesPast)
            return allotment.Target;
        var slack = MemorySize.Max(allotment.Target, bid.ShrinkTo.Clamp(bid.Min, bid.Max));
        return MemorySize.Max(allotment.Target, MemorySize.Min(MemorySize.Min(asked, bid.Held), slack).MinusOrZero(step));
    }

    /// <summary>Rounds harm to a power of two: a value that decays bit by bit would move memory bit by bit.</summary>
    private static double Steady(double harm) => harm > 1.0 / 1024 ? Math.Pow(2, Math.Round(Math.Log2(harm))) : 0;
}
