using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

/// <summary>For tests in which the hour of the day makes no difference.</summary>
internal static class AnyHour
{
    private static readonly DateTimeOffset Midnight = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);

    public static Forecast Take(this DemandModel model, GuestSample sample, VmSizes sizes, MemorySize? most = null) =>
        model.Take(sample, sizes, Midnight + (sample.At - Moment.Origin), most);
}
