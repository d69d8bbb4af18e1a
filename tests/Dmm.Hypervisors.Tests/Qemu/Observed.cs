using Dmm.Core.Ports;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>Collects a driver's observations, and notices if it reports two at the same time.</summary>
internal sealed class Observed
{
    private readonly List<VmObservation> _all = [];
    private int _inside;

    public bool Overlapped { get; private set; }

    public void Take(VmObservation observation)
    {
        Overlapped |= Interlocked.Increment(ref _inside) > 1;
        lock (_all)
            _all.Add(observation);
        Interlocked.Decrement(ref _inside);
    }

    public IReadOnlyList<VmObservation> All
    {
        get
        {
            lock (_all)
                return [.. _all];
        }
    }

    public IReadOnlyList<T> Of<T>()
        where T : VmObservation => [.. All.OfType<T>()];

    public async Task<T> FirstAsync<T>(Func<T, bool>? which = null, Action? meanwhile = null)
        where T : VmObservation
    {
        T? found = null;
        await Eventually.UntilAsync(
            () =>
            {
                meanwhile?.Invoke();
                return (found = Of<T>().FirstOrDefault(which ?? (_ => true))) is not null;
            },
            typeof(T).Name);
        return found!;
    }
}
