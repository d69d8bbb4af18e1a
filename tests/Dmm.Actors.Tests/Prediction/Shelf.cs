using System.Collections.Immutable;
using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Ports;

namespace Dmm.Actors.Tests.Prediction;

/// <summary>A store in memory, which can be slow, fail, and be lost. Records go through their text.</summary>
internal sealed class Shelf : IModelStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<VmId, byte[]> _kept = [];
    private readonly List<(ImmutableArray<ModelRecord> Put, ImmutableArray<VmId> Drop)> _writes = [];
    private TaskCompletionSource? _gate;

    public bool Fails { get; set; }

    public bool FailsToRead { get; set; }

    public string? Lost { get; set; }

    public IReadOnlyDictionary<VmId, byte[]> Kept
    {
        get
        {
            lock (_lock)
                return new Dictionary<VmId, byte[]>(_kept);
        }
    }

    public ImmutableArray<(ImmutableArray<ModelRecord> Put, ImmutableArray<VmId> Drop)> Writes
    {
        get
        {
            lock (_lock)
                return [.. _writes];
        }
    }

    public void Hold() => _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release()
    {
        var gate = _gate!;
        _gate = null;
        gate.SetResult();
    }

    public void Change(VmId vm, Func<ModelRecord, ModelRecord> change)
    {
        lock (_lock)
            _kept[vm] = ModelJson.Write(change(ModelJson.Read(_kept[vm])));
    }

    public Task<StoredModels> ReadAsync(CancellationToken cancellation)
    {
        // A store may fail before it returns a task.
        if (Fails || FailsToRead)
            throw new IOException("simulated: the disk fails");
        return AfterGate(() => new StoredModels([.. _kept.Values.Select(text => ModelJson.Read(text))], Lost));
    }

    public Task<string?> WriteAsync(ImmutableArray<ModelRecord> put, ImmutableArray<VmId> drop, CancellationToken cancellation)
    {
        if (Fails)
            return Task.FromException<string?>(new IOException("simulated: the disk fails"));
        return AfterGate(() =>
        {
            _writes.Add((put, drop));
            foreach (var vm in drop)
                _kept.Remove(vm);
            foreach (var record in put)
                _kept[record.Vm] = ModelJson.Write(record);
            return (string?)null;
        });
    }

    private async Task<T> AfterGate<T>(Func<T> act)
    {
        if (_gate is { } gate)
            await gate.Task;
        lock (_lock)
            return act();
    }
}
