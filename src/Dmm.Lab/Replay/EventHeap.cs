namespace Dmm.Lab.Replay;

/// <summary>
/// The time of the next event of each of a fixed number of things. Each thing has at most one event, which can be moved. At the same
/// moment, the thing with the smaller number comes first, so that the order is the same on every machine. It is a binary heap that
/// knows each thing's position in it.
/// </summary>
internal sealed class EventHeap(int things)
{
    private readonly long[] _at = new long[things];
    private readonly int[] _heap = new int[things];
    private readonly int[] _place = NoPlaces(things);
    private int _count;

    /// <summary>The time of the next event; <see cref="long.MaxValue"/> where there is none.</summary>
    public long NextAt => _count == 0 ? long.MaxValue : _at[_heap[0]];

    public int Next => _heap[0];

    public bool Holds(int thing) => _place[thing] >= 0;

    /// <summary>The time of the event of a thing that has one.</summary>
    public long At(int thing) => _at[thing];

    public void Set(int thing, long at)
    {
        if (_place[thing] < 0)
        {
            _place[thing] = _count;
            _heap[_count++] = thing;
        }

        _at[thing] = at;
        Down(Up(_place[thing]));
    }

    public void Remove(int thing)
    {
        var place = _place[thing];
        if (place < 0)
            return;
        _place[thing] = -1;
        var last = _heap[--_count];
        if (place == _count)
            return;
        Put(last, place);
        Down(Up(place));
    }

    private bool Before(int a, int b) => _at[a] != _at[b] ? _at[a] < _at[b] : a < b;

    private void Put(int thing, int place)
    {
        _heap[place] = thing;
        _place[thing] = place;
    }

    private int Up(int place)
    {
        var thing = _heap[place];
        while (place > 0 && Before(thing, _heap[(place - 1) >> 1]))
        {
            Put(_heap[(place - 1) >> 1], place);
            place = (place - 1) >> 1;
        }

        Put(thing, place);
        return place;
    }

    private void Down(int place)
    {
        var thing = _heap[place];
        while (true)
        {
            var child = (place << 1) + 1;
            if (child >= _count)
                break;
            if (child + 1 < _count && Before(_heap[child + 1], _heap[child]))
                child++;
            if (!Before(_heap[child], thing))
                break;
            Put(_heap[child], place);
            place = child;
        }

        Put(thing, place);
    }

    private static int[] NoPlaces(int things)
    {
        var places = new int[things];
        Array.Fill(places, -1);
        return places;
    }
}
