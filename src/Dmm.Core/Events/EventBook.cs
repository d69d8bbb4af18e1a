using System.Globalization;

namespace Dmm.Core.Events;

/// <summary>A notice with its number. By the number a reader knows which notices are new.</summary>
public sealed record Numbered(long Sequence, Notice Notice);

/// <summary>
/// Decides which notices are told, and keeps them for a while. Guests cause many notices (that they exist, that they are in need, that they
/// fall silent), so no VM may push out the notices of others: when the book is full, the oldest notice of the VM (or kind) with the most is
/// dropped. The rate of notices of one VM and one kind is limited; the next notice says how many were left out. Not thread-safe; time comes
/// as an argument.
/// </summary>
/// <param name="keep">The number of notices that are kept in all, at least 1.</param>
public sealed class EventBook(int keep)
{
    /// <summary>The number of notices of one VM and one kind that may be told at once; after that, <see cref="PerSecond"/>.</summary>
    public const int Burst = 60;

    public const double PerSecond = 1;

    /// <summary>Above this number of pairs of VM and kind, the pairs at rest are forgotten.</summary>
    private const int Paces = 4_096;

    /// <summary>One queue for each VM, and one for each kind of notice that concerns no VM.</summary>
    private readonly Dictionary<string, Queue<Numbered>> _lines = new(StringComparer.Ordinal);

    private readonly Dictionary<(VmId Vm, string Kind), Pace> _paces = [];
    private long _sequence;

    public int Count { get; private set; }

    /// <param name="now">By a clock that nobody sets.</param>
    /// <returns>The notice to tell; null where it is left out.</returns>
    public Numbered? Take(Notice happening, TimeSpan now)
    {
        if (happening.Vm is { } vm && !PaceOf(vm, happening.Kind, now).Allows(now, ref happening))
            return null;
        var numbered = new Numbered(++_sequence, happening);
        var key = happening.Vm is { } named ? $"vm {named}" : happening.Kind;
        if (!_lines.TryGetValue(key, out var line))
            _lines[key] = line = new();
        line.Enqueue(numbered);
        if (Count < keep)
            Count++;
        else
            DropOne();
        return numbered;
    }

    /// <summary>Returns the notices that are kept, in the order in which they happened.</summary>
    /// <param name="after">Only notices with a higher number.</param>
    public IEnumerable<Numbered> Read(DateTimeOffset? since, long after) => _lines.Values
        .SelectMany(static line => line)
        .Where(e => e.Sequence > after && (since is null || e.Notice.At >= since))
        .OrderBy(static e => e.Sequence);

    private void DropOne()
    {
        var (most, from) = (new Queue<Numbered>(), "");
        foreach (var (key, line) in _lines)
        {
            if (line.Count > most.Count || (line.Count == most.Count && line.Peek().Sequence < most.Peek().Sequence))
                (most, from) = (line, key);
        }

        most.Dequeue();
        if (most.Count == 0)
            _lines.Remove(from);
    }

    private Pace PaceOf(VmId vm, string kind, TimeSpan now)
    {
        if (_paces.TryGetValue((vm, kind), out var pace))
            return pace;
        if (_paces.Count >= Paces)
        {
            foreach (var (key, _) in _paces.Where(p => p.Value.IsAtRest(now)).ToList())
                _paces.Remove(key);
        }

        return _paces[(vm, kind)] = new(now);
    }

    private sealed class Pace(TimeSpan start)
    {
        private double _free = Burst;
        private TimeSpan _at = start;
        private long _leftOut;

        public bool IsAtRest(TimeSpan now) => _leftOut == 0 && _free + ((now - _at).TotalSeconds * PerSecond) >= Burst;

        public bool Allows(TimeSpan now, ref Notice happening)
        {
            _free = Math.Min(Burst, _free + (Math.Max(0, (now - _at).TotalSeconds) * PerSecond));
            _at = now;
            if (_free < 1)
            {
                _leftOut++;
                return false;
            }

            _free--;
            if (_leftOut > 0)
            {
                var more = string.Create(CultureInfo.InvariantCulture, $" ({_leftOut} more like it were left out)");
                happening = happening with { Text = happening.Text + more };
            }

            _leftOut = 0;
            return true;
        }
    }
}
