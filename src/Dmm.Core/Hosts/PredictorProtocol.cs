using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

public static class PredictorProtocol
{
    /// <param name="Sizes">The VM's sizes as last known when the sample came.</param>
    /// <param name="Most">The most that the VM can become: no forecast goes beyond it. Null where it is not known.</param>
    /// <param name="Ran">True where the guest ran before its VM's actor began: what the VM holds is not just what it booted with.</param>
    public sealed record Sampled(VmId Vm, GuestSample Sample, VmSizes Sizes, MemorySize? Most = null, bool Ran = false);

    public sealed record Forget(VmId Vm);

    /// <summary>The guest was reset: there is no forecast for it until its next sample.</summary>
    public sealed record Reset(VmId Vm);

    /// <summary>To the predictor: the daemon ends; all that was learnt is to be written now. Answered by <see cref="Saved"/>.</summary>
    public sealed record Save;

    public sealed record Saved;

    /// <summary>To the predictor: asks for all forecasts, for a plan.</summary>
    public sealed record Emit;

    /// <summary>To the host: the forecast of this VM no longer counts, because its model has failed.</summary>
    public sealed record Lost(VmId Vm) : IHostCommand;

    /// <summary>To the host: all VMs' forecasts at a tick, or one VM's at once under pressure.</summary>
    public sealed record Forecasts(ImmutableArray<Forecast> Items, bool Tick) : IHostCommand;
}
