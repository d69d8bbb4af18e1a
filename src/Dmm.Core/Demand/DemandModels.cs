using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// One model for each VM. A model that fails is dropped with all that it has learnt; the other models are not affected. Nothing is known of
/// its VM until its guest sends another sample, which makes a new model.
/// </summary>
/// <param name="make">
/// Makes a VM's model; its second argument is true where the guest ran before. Null: a <see cref="DemandModel"/>.
/// </param>
public sealed class DemandModels(DemandSettings settings, Func<VmId, bool, IDemandModel>? make = null)
{
    /// <summary>A record that is older says nothing of its VM, which may long be gone.</summary>
    public static readonly TimeSpan RecordAge = TimeSpan.FromDays(30);

    private readonly SortedDictionary<VmId, IDemandModel> _models = [];
    private readonly HashSet<VmId> _failed = [];

    /// <summary>The current forecasts, one for each VM.</summary>
    public ImmutableArray<Forecast> Current => [.. _models.Values.Select(static model => model.Current).OfType<Forecast>()];

    /// <summary>The VMs that have a model, in the order of their names.</summary>
    public IEnumerable<VmId> Vms => _models.Keys;

    /// <param name="most">The most that the VM can become.</param>
    /// <param name="ran">True where the guest ran before its VM's actor began.</param>
    public TakenSample Take(VmId vm, GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null, bool ran = false)
    {
        // No forecast for a guest whose samples don't tell what it uses: its VM keeps its size.
        if (!sample.TellsUse)
            return default;
        try
        {
            var model = ModelOf(vm, ran);
            var wasUrgent = model.Current?.Urgent == true;
            var forecast = model.Take(sample, sizes, wall, most);
            return new(forecast, forecast.Urgent && !wasUrgent, null);
        }
        catch (Exception fault)
        {
            _models.Remove(vm);
            _failed.Add(vm);
            return new(null, false, fault);
        }
    }

    public void Forget(VmId vm)
    {
        _models.Remove(vm);
        _failed.Remove(vm);
    }

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
            _failed.Add(vm);
        }
    }

    /// <summary>What the VM's model has learnt; null where that is nothing, or the model fails to say it.</summary>
    public ModelRecord? Remember(VmId vm, Clocks now)
    {
        try
        {
            return _models.GetValueOrDefault(vm)?.Remember(now);
        }
        catch (Exception)
        {
            // The model goes on: only a restart would learn its VM anew.
            return null;
        }
    }

    /// <summary>
    /// Lets the VM's model go on from a record of an earlier daemon, whether it has taken samples already or not.
    /// </summary>
    /// <returns>Why the record is of no use, for people; null where it was taken. The model then goes on without it.</returns>
    public string? Recall(ModelRecord record, Clocks now)
    {
        if (now.Now - now.MomentOf(record.At) is var age && age > RecordAge)
            return $"it is {age.TotalDays:0} days old";
        var known = _models.GetValueOrDefault(record.Vm);
        try
        {
            var model = known ?? ModelOf(record.Vm, ran: true);
            model.Recall(record, now);
            return null;
        }
        catch (Exception fault)
        {
            if (known is null)
                _models.Remove(record.Vm);
            return fault.Message;
        }
    }

    private IDemandModel ModelOf(VmId vm, bool ran)
    {
        if (_models.TryGetValue(vm, out var model))
            return model;
        ran |= _failed.Contains(vm);
        return _models[vm] = make?.Invoke(vm, ran) ?? new DemandModel(vm, settings, ran);
    }
}

/// <summary>The result of taking a sample.</summary>
/// <param name="Forecast">Null where there is no forecast.</param>
/// <param name="TurnsUrgent">True where the guest is in need now and was not before this sample.</param>
/// <param name="Fault">Why the VM's model was dropped; null where it was not.</param>
public readonly record struct TakenSample(Forecast? Forecast, bool TurnsUrgent, Exception? Fault);
