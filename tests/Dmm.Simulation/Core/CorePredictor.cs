using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;

namespace Dmm.Simulation.Core;

/// <summary>The predictor's part of a daemon's life: models that go on from what the last daemon kept, and are kept now and then.</summary>
internal sealed class CorePredictor
{
    private const int SaveEvery = 20;

    private readonly CoreWorld _world;
    private readonly DemandModels _models = new(new());
    private readonly SortedSet<VmId> _dropped = [];
    private int _beats;

    public CorePredictor(CoreWorld world)
    {
        _world = world;
        try
        {
            foreach (var record in world.Models.Read().Records)
            {
                if (_models.Recall(record, world.Clocks) is not null)
                    _dropped.Add(record.Vm);
            }
        }
        catch (IOException fault)
        {
            world.Log.Note($"{fault.Message}: all VMs are learnt anew");
        }
    }

    public ImmutableArray<Forecast> Current => _models.Current;

    public TakenSample Take(PredictorProtocol.Sampled sampled)
    {
        var taken = _models.Take(sampled.Vm, sampled.Sample, sampled.Sizes, _world.Wall, sampled.Most, sampled.Ran);
        // A real daemon would lose only that model; but no sample may make a model fail, whatever it went on from.
        return taken.Fault is { } fault ? throw new ViolationException("a model failed", $"of {sampled.Vm}: {fault}") : taken;
    }

    public void Reset(VmId vm) => _models.Reset(vm);

    public void Forget(VmId vm)
    {
        _models.Forget(vm);
        _dropped.Add(vm);
    }

    /// <summary>A beat of the host's clock.</summary>
    public void Beat()
    {
        if (++_beats % SaveEvery != 0)
            return;
        try
        {
            _world.Models.Write(
                [.. _models.Vms.Select(vm => _models.Remember(vm, _world.Clocks)).OfType<ModelRecord>()], [.. _dropped]);
            _dropped.Clear();
        }
        catch (IOException fault)
        {
            _world.Log.Note($"{fault.Message}");
        }
    }
}
