using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// One model for each VM. A model that fails is dropped with all that it has learnt; the other models are not affected. Nothing is known of
/// its VM until its guest sends another sample, which makes a new model.
/// </summary>
/// <param name="make">Makes a VM's model; null: a <see cref="DemandModel"/>.</param>
public sealed class DemandModels(DemandSettings settings, Func<VmId, IDemandModel>? make = null)
{
    private readonly SortedDictionary<VmId, IDemandModel> _models = [];

    /// <summary>The current forecasts, one for each VM.</summary>
    public ImmutableArray<Forecast> Current => [.. _models.Values.Select(static model => model.Current).OfType<Forecast>()];

    /// <param name="most">The most that the VM can become.</param>
    public TakenSample Take(VmId vm, GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null)
    {
        // No forecast for a guest whose samples don't tell what it uses: its VM keeps its size.
        if (!sample.TellsUse)
            return default;
        try
        {
            if (!_models.TryGetValue(vm, out var model))
                _models[vm] = model = make?.Invoke(vm) ?? new DemandModel(vm, settings);
            var wasUrgent = model.Current?.Urgent == true;
            var forecast = model.Take(sample, sizes, wall, most);
            return new(forecast, forecast.Urgent && !wasUrgent, null);
        }
        catch (Exception fault)
        {
            _models.Remove(vm);
            return new(null, false, fault);
        }
    }

    public void Forget(VmId vm) => _models.Remove(vm);

    /// <summary>The VM's guest was reset: there is no forecast until its next sample.</summary>
    public void Reset(VmId vm)
    {
        if (!_models.TryGetValue(vm, out var model))
            return;
        try
        {
            model.Reset();
        }
        catch (Exception)
        {
            _models.Remove(vm);
        }
    }
}

/// <summary>The result of taking a sample.</summary>
/// <param name="Forecast">Null where there is no forecast.</param>
/// <param name="TurnsUrgent">True where the guest is in need now and was not before this sample.</param>
/// <param name="Fault">Why the VM's model was dropped; null where it was not.</param>
public readonly record struct TakenSample(Forecast? Forecast, bool TurnsUrgent, Exception? Fault);
