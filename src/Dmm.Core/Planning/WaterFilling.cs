namespace Dmm.Core.Planning;

/// <summary>
/// Weighted max-min fairness: a level λ rises from zero until Σ clamp(from + λ × weight, floor, to) equals the budget. A participant
/// whose floor is above its part keeps its floor, and the others share the rest. Between two levels at which a participant leaves its
/// floor or has all it can take, the sum is linear, so these levels are visited in order. Nothing is allocated once the buffers have
/// grown.
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
        // Each participant may leave its floor, and may reach its upper end.
        _levels.EnsureCapacity(2 * count);
    }

    /// <param name="floor">The least it gets; <paramref name="from"/> counts where that is more.</param>
    /// <param name="to">The most it gets; <paramref name="floor"/> counts where that is more.</param>
    /// <param name="weight">The weight, more than zero.</param>
    public void Add(MemorySize from, MemorySize floor, MemorySize to, double weight)
    {
        floor = MemorySize.Max(floor, from);
        _vessels[_count++] = new(from.Bytes, floor.Bytes, Math.Max(to.Bytes, floor.Bytes), weight);
    }

    /// <summary>What the participant that was added with this number has, after all have been filled.</summary>
    public MemorySize this[int number] => new(_vessels[number].Has);

    /// <param name="budget">The amount for all together. Never more is given, unless the floors alone are more.</param>
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
    /// Sorts the levels at which a participant leaves its floor (even numbers) or reaches its upper end (odd numbers). Returns the sum of
    /// the floors, and the total weight of those that rise from the start.
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

    /// <summary>The level at which the budget is spent; infinite where the budget is enough for all.</summary>
    /// <param name="still">
    /// The constant part of the sum: what those that do not rise have, and the starting points of those that rise. At first the sum of
    /// the floors.
    /// </param>
    /// <param name="weight">The total weight of those that rise.</param>
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
        /// <summary>
        /// Allowance for rounding: a value that should be a whole number of bytes stays one although the level was rounded.
        /// </summary>
        private const double Rounding = 1e-3;

        public long Has { get; set; }

        public readonly long At(double level) => (long)Math.Clamp(From + Math.Floor((level * Weight) + Rounding), Floor, To);
    }
}
