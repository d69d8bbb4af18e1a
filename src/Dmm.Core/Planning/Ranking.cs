using System.Numerics;

namespace Dmm.Core.Planning;

/// <summary>
/// Sorts items by a number each. It uses a radix sort, which is O(n) whatever the numbers are: guests can influence them. Equal items
/// stay in the order in which they were added. Nothing is allocated once the buffers have grown. Not safe for use by several threads at
/// once.
/// </summary>
internal sealed class Ranking
{
    private const int MostDigitBits = 11;

    /// <summary>With fewer items than this, the counters of a large digit would cost more than the items.</summary>
    private const int Many = 1024;

    private readonly int[] _starts = new int[1 << MostDigitBits];
    private Entry[] _entries = [];
    private Entry[] _sorted = [];
    private int _count;

    public void Clear() => _count = 0;

    public void EnsureCapacity(int count)
    {
        if (_entries.Length >= count)
            return;
        Array.Resize(ref _entries, count);
        Array.Resize(ref _sorted, count);
    }

    /// <summary>Adds an item; the smallest number comes first.</summary>
    /// <param name="number">The number, zero or more.</param>
    public void AddAscending(double number, int item) => _entries[_count++] = new(Bits(number), item);

    /// <summary>
    /// Adds an item; the largest number comes first. Not to be mixed with <see cref="AddAscending"/>, nor numbers with sizes.
    /// </summary>
    /// <param name="number">The number, zero or more.</param>
    public void AddDescending(double number, int item) => _entries[_count++] = new(~Bits(number), item);

    /// <inheritdoc cref="AddDescending(double, int)"/>
    public void AddDescending(MemorySize size, int item) => _entries[_count++] = new(~(ulong)size.Bytes, item);

    /// <returns>The sorted entries; valid until something is added.</returns>
    public ReadOnlySpan<Entry> Sorted()
    {
        var (all, any) = (ulong.MaxValue, 0UL);
        foreach (ref readonly var entry in _entries.AsSpan(0, _count))
        {
            all &= entry.Key;
            any |= entry.Key;
        }

        // Only the bits in which the keys differ are sorted by: sizes are mostly whole MiB.
        var differing = all ^ any;
        var digitBits = _count < Many ? 8 : MostDigitBits;
        for (var shift = BitOperations.TrailingZeroCount(differing); shift < 64 && differing >> shift != 0; shift += digitBits)
            SortBy(shift, (1UL << digitBits) - 1);
        return _entries.AsSpan(0, _count);
    }

    /// <summary>Sorts by one digit; entries with the same digit keep their order.</summary>
    private void SortBy(int shift, ulong mask)
    {
        var starts = _starts.AsSpan(0, (int)mask + 1);
        var from = _entries.AsSpan(0, _count);
        var to = _sorted;
        starts.Clear();
        foreach (ref readonly var entry in from)
            starts[(int)((entry.Key >> shift) & mask)]++;
        var next = 0;
        foreach (ref var start in starts)
            (start, next) = (next, next + start);
        foreach (ref readonly var entry in from)
            to[starts[(int)((entry.Key >> shift) & mask)]++] = entry;
        (_entries, _sorted) = (_sorted, _entries);
    }

    /// <summary>The bits of a double as a key: for numbers that are not negative they rise with the number.</summary>
    private static ulong Bits(double number) => (ulong)BitConverter.DoubleToInt64Bits(number);

    /// <param name="Key">The sort key; rises in the order.</param>
    public readonly record struct Entry(ulong Key, int Item)
    {
        /// <summary>The number that was given to <see cref="AddAscending"/>.</summary>
        public double Number => BitConverter.UInt64BitsToDouble(Key);
    }
}
