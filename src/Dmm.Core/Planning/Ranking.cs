using System.Numerics;

namespace Dmm.Core.Planning;

/// <summary>
/// Sorts items by a number each. It uses a radix sort, which is O(n) whatever the numbers are: guests can influence them. Whoever needs
/// only the first few pays for little more: the items are first divided by their highest differing digit, and each part is sorted when it
/// is reached. Equal items stay in the order in which they were added. Nothing is allocated once the buffers have grown. Not safe for use
/// by several threads at once.
/// </summary>
internal sealed class Ranking
{
    private const int MostDigitBits = 11;

    /// <summary>With fewer items than this, the counters of a large digit would cost more than the items.</summary>
    private const int Many = 1024;

    /// <summary>So few are sorted by insertion, since any counters would cost more.</summary>
    private const int Few = 16;

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

    /// <returns>The sorted entries, to be gone through once; valid until something is added.</returns>
    public Order Sorted()
    {
        var entries = _entries.AsSpan(0, _count);
        var differing = Differing(entries);
        if (_count < Many)
        {
            var shift = Math.Max(0, 64 - BitOperations.LeadingZeroCount(differing) - 8);
            if (_count > Few)
            {
                Distribute(entries, _sorted, shift, 0xff);
                (_entries, _sorted) = (_sorted, _entries);
            }

            return new(this, _count > Few ? shift : 64);
        }

        SortByDigits(entries, _sorted.AsSpan(0, _count), differing, MostDigitBits);
        return new(this, 0);
    }

    /// <summary>
    /// Sorts the part that begins at <paramref name="start"/>: all entries with the same bits from <paramref name="shift"/> on.
    /// </summary>
    /// <returns>Where the part ends.</returns>
    private int SortPart(int start, int shift)
    {
        var end = start + 1;
        if (shift >= 64)
        {
            end = _count;
        }
        else
        {
            var digit = _entries[start].Key >> shift;
            while (end < _count && _entries[end].Key >> shift == digit)
                end++;
        }

        var part = _entries.AsSpan(start, end - start);
        if (part.Length <= Few)
            SortByInsertion(part);
        else
            SortByDigits(part, _sorted.AsSpan(start, part.Length), Differing(part), 8);
        return end;
    }

    /// <summary>The bits in which the keys differ. Only these are sorted by: sizes are mostly whole MiB.</summary>
    private static ulong Differing(ReadOnlySpan<Entry> entries)
    {
        var (all, any) = (ulong.MaxValue, 0UL);
        foreach (ref readonly var entry in entries)
        {
            all &= entry.Key;
            any |= entry.Key;
        }

        return entries.IsEmpty ? 0 : all ^ any;
    }

    private static void SortByInsertion(Span<Entry> entries)
    {
        for (var i = 1; i < entries.Length; i++)
        {
            var entry = entries[i];
            var at = i;
            for (; at > 0 && entries[at - 1].Key > entry.Key; at--)
                entries[at] = entries[at - 1];
            entries[at] = entry;
        }
    }

    /// <summary>Sorts from the lowest differing digit to the highest.</summary>
    /// <param name="spare">As large as <paramref name="entries"/>.</param>
    private void SortByDigits(Span<Entry> entries, Span<Entry> spare, ulong differing, int bits)
    {
        var from = entries;
        var to = spare;
        for (var shift = BitOperations.TrailingZeroCount(differing); shift < 64 && differing >> shift != 0; shift += bits)
        {
            Distribute(from, to, shift, (1UL << bits) - 1);
            var sorted = to;
            to = from;
            from = sorted;
        }

        if (from != entries)
            from.CopyTo(entries);
    }

    /// <summary>Sorts by one digit; entries with the same digit keep their order.</summary>
    private void Distribute(ReadOnlySpan<Entry> from, Span<Entry> to, int shift, ulong mask)
    {
        var starts = _starts.AsSpan(0, (int)mask + 1);
        starts.Clear();
        foreach (ref readonly var entry in from)
            starts[(int)((entry.Key >> shift) & mask)]++;
        var next = 0;
        foreach (ref var start in starts)
            (start, next) = (next, next + start);
        foreach (ref readonly var entry in from)
            to[starts[(int)((entry.Key >> shift) & mask)]++] = entry;
    }

    /// <summary>The bits of a double as a key: for numbers that are not negative they rise with the number.</summary>
    private static ulong Bits(double number) => (ulong)BitConverter.DoubleToInt64Bits(number);

    /// <param name="Key">The sort key; rises in the order.</param>
    public readonly record struct Entry(ulong Key, int Item)
    {
        /// <summary>The number that was given to <see cref="AddAscending"/>.</summary>
        public double Number => BitConverter.UInt64BitsToDouble(Key);
    }

    /// <summary>Goes through the entries in their order, and sorts each part as it is reached.</summary>
    /// <param name="shift">The parts differ from this bit on; 0: all is sorted already; 64: all is one part.</param>
    public ref struct Order(Ranking ranking, int shift)
    {
        private int _at = -1;
        private int _sortedTo = shift == 0 ? ranking._count : 0;

        public readonly ref readonly Entry Current => ref ranking._entries[_at];

        public readonly Order GetEnumerator() => this;

        public bool MoveNext()
        {
            if (++_at >= ranking._count)
                return false;
            if (_at >= _sortedTo)
                _sortedTo = ranking.SortPart(_at, shift);
            return true;
        }
    }
}
