using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Prediction;

public static class PredictorProtocol
{
    /// <param name="Actual">The VM's actual size when the sample was taken.</param>
    public sealed record Sampled(VmId Vm, GuestSample Sample, MemorySize Actual);

    public sealed record Forget(VmId Vm);

    /// <summary>To the host: all VMs' forecasts at a tick, or one VM's at once under pressure.</summary>
    public sealed record Forecasts(ImmutableArray<Forecast> Items, bool Tick);
}
