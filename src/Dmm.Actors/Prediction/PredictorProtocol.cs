using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Actors.Prediction;

public static class PredictorProtocol
{
    /// <param name="Sizes">The VM's sizes as last known when the sample came.</param>
    public sealed record Sampled(VmId Vm, GuestSample Sample, VmSizes Sizes);

    public sealed record Forget(VmId Vm);

    /// <summary>To the host: all VMs' forecasts at a tick, or one VM's at once under pressure.</summary>
    public sealed record Forecasts(ImmutableArray<Forecast> Items, bool Tick);
}
