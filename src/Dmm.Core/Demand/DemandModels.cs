using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// A model a VM. A model that fails is dropped alone, with all that it has learnt: nothing is known of its VM until its guest speaks again,
/// which makes a new one; the others never notice.
/// </summary>
/// <param name="make">Makes a VM's model; <see cref="DemandModel"/> unless told.</param>
public sealed class DemandModels(DemandSettings settings, Func<VmId, IDemandModel>? make = null)
{
    private readonly SortedDictionary<VmId, IDemandModel> _models = [];

    /// <summary>All that is foreseen now, a VM each.</summary>
    public ImmutableArray<Forecast> Current => [.. _models.Values.Select(static model => model.Current).OfType<Forecast>()];

    /// <param name="most">The most that the VM can become.</param>
    public TakenSample Take(VmId vm, GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null)
    {
        // Of a guest whose samples don't tell what it uses nothing is foreseen: it stays as it is.
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
}

/// <summary>What became of a sample.</summary>
/// <param name="Forecast">Null where nothing is foreseen.</param>
/// <param name="TurnsUrgent">Its guest was in no need before it.</param>
/// <param name="Fault">Why the VM's model was dropped; null where it was not.</param>
public readonly record struct TakenSample(Forecast? Forecast, bool TurnsUrgent, Exception? Fault);
