using System.Collections.Immutable;
using System.Runtime.Serialization;
using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Ports;

namespace Dmm.Simulation.Worlds;

/// <summary>
/// The store of what models have learnt. It outlives daemons, and keeps records as text. When it fails it is lost, damaged, as it was long
/// ago, or can't be read or written.
/// </summary>
/// <param name="dice">Dice for the store alone.</param>
/// <param name="fails">Whether the next call fails (<see cref="Fault.ModelsFail"/>).</param>
internal sealed class ModelShelf(SeededRandom dice, Func<bool> fails) : IModelStore
{
    private SortedDictionary<VmId, byte[]> _kept = [];
    private SortedDictionary<VmId, byte[]> _longAgo = [];

    /// <exception cref="IOException">It can't be read now.</exception>
    public StoredModels Read()
    {
        if (fails())
            Fail();
        var records = ImmutableArray.CreateBuilder<ModelRecord>();
        var lost = 0;
        foreach (var text in _kept.Values)
        {
            try
            {
                records.Add(ModelJson.Read(text));
            }
            catch (SerializationException)
            {
                lost++;
            }
        }

        return new(records.ToImmutable(), lost == 0 ? null : $"{lost} records");
    }

    /// <exception cref="IOException">It can't be written now.</exception>
    public void Write(ImmutableArray<ModelRecord> put, ImmutableArray<VmId> drop)
    {
        if (fails())
            throw new IOException("simulated: the models can't be written");
        if (dice.OneIn(20))
            _longAgo = new(_kept);
        foreach (var vm in drop)
            _kept.Remove(vm);
        foreach (var record in put)
            _kept[record.Vm] = ModelJson.Write(record);
    }

    public Task<StoredModels> ReadAsync(CancellationToken cancellation) => Task.FromResult(Read());

    public Task<string?> WriteAsync(ImmutableArray<ModelRecord> put, ImmutableArray<VmId> drop, CancellationToken cancellation)
    {
        Write(put, drop);
        return Task.FromResult<string?>(null);
    }

    private void Fail()
    {
        switch (dice.Below(4))
        {
            case 0:
                _kept.Clear();
                break;
            case 1:
                _kept = new(_longAgo);
                break;
            case 2:
                foreach (var (vm, text) in _kept.ToArray())
                    _kept[vm] = Damaged(text);
                break;
            default:
                throw new IOException("simulated: the models can't be read");
        }
    }

    /// <summary>A text in which some digits are others: it may still be one that a model could have written, or not.</summary>
    private byte[] Damaged(byte[] text)
    {
        byte[] damaged = [.. text];
        for (var times = dice.Below(30); times > 0; times--)
        {
            var at = dice.Below(damaged.Length);
            if (char.IsAsciiDigit((char)damaged[at]))
                damaged[at] = (byte)('0' + dice.Below(10));
        }

        return damaged;
    }
}
