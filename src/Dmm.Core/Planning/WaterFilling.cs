namespace Dmm.Core.Planning;

/// <summary>
/// Weighted max-min fairness: a level λ rises from zero until Σ clamp(from + λ × weight, floor, to) is what there is. Whoever has a floor
/// above its part keeps it, and the others share what that leaves. The sum of them all is a line between the levels at which somebody
/// leaves its floor or has all, so these are gone through in their order. Nothing is allocated once its buffers have grown.
/// </summary>
internal sealed class WaterFilling
{
    private readonly Ranking _levels = new();
    private Vessel[] _vessels = [];
    private int _count;

    public void Clear() => _count = 0;

    public void EnsureCapacity(int count)
    {
        if (_vessels.Length >= count)
            return;
        Array.Resize(ref _vessels, count);
        // Each may leave its floor, and have all.
        _levels.EnsureCapacity(2 * count);
    }

    /// <param name="floor">Where it is below <paramref name="from"/>, that counts.</param>
    /// <param name="to">Where it is below <paramref name="floor"/>, that counts.</param>
    /// <param name="weight">More than zero.</param>
    public void Add(MemorySize from, MemorySize floor, MemorySize to, double weight)
    {
        floor = MemorySize.Max(floor, from);
        _vessels[_count++] = new(from.Bytes, floor.Bytes, Math.Max(to.Bytes, floor.Bytes), weight);
    }

    /// <summary>What the one that was added as the given number has, once all have been filled.</summary>
    public MemorySize this[int number] => new(_vessels[number].Has);

    /// <param name="budget">For all together. Never more is given, unless the floors alone are more.</param>
    public void Fill(MemorySize budget)
    {
        var (floors, rising) = Rank();
        var level = LevelOf(budget.Bytes, floors, rising);
        var left = Math.Max(0, budget.Bytes - floors);
        foreach (ref var vessel in _vessels.AsSpan(0, _count))
        {
            vessel.Has = Math.Min(vessel.At(level), vessel.Floor + left);
            left -= vessel.Has - vessel.Floor;
        }
    }

    /// <summary>
    /// Puts the levels in order at which somebody leaves its floor (even numbers) or has all (odd). Returns the sum of the floors, and the
    /// weight of those that rise from the first.
    /// </summary>
    private (long Floors, double Rising) Rank()
    {
        var (floors, rising) = (0L, 0.0);
        _levels.Clear();
        for (var i = 0; i < _count; i++)
        {
            ref readonly var vessel = ref _vessels[i];
            floors += vessel.Floor;
            if (vessel.To == vessel.Floor)
                continue;
            if (vessel.Floor == vessel.From)
                rising += vessel.Weight;
            else
                _levels.AddAscending((vessel.Floor - vessel.From) / vessel.Weight, 2 * i);
            _levels.AddAscending((vessel.To - vessel.From) / vessel.Weight, (2 * i) + 1);
        }

        return (floors, rising);
    }

    /// <summary>The level at which the budget is spent; infinite where it is enough for all.</summary>
    /// <param name="still">What those have that do not rise, and what those rise from that do: at first the floors.</param>
    /// <param name="weight">Of those that rise.</param>
    private double LevelOf(long budget, long still, double weight)
    {
        var before = 0.0;
        foreach (ref readonly var level in _levels.Sorted())
        {
            var at = level.Number;
            if (still + (at * weight) >= budget)
                return weight > 0 ? Math.Clamp((budget - still) / weight, before, at) : before;
            ref readonly var vessel = ref _vessels[level.Item >> 1];
            var leaves = level.Item % 2 == 0;
            still += leaves ? vessel.From - vessel.Floor : vessel.To - vessel.From;
            weight += leaves ? vessel.Weight : -vessel.Weight;
            before = at;
        }

        return double.PositiveInfinity;
    }

    private record struct Vessel(long From, long Floor, long To, double Weight)
    {
        /// <summary>A level is rounded: what is a whole number of bytes but for that stays one.</summary>
        private const double Rounding = 1e-3;

        public long Has { get; set; }

        public readonly long At(double level) => (long)Math.Clamp(From + Math.Floor((level * Weight) + Rounding), Floor, To);
    }
}
