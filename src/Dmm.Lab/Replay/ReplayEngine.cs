using Dmm.Core;
using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>
/// Plays the needs of VMs on one host under one law, from event to event: a need changes, a movement arrives, a law looks. Nothing is
/// computed between events, where all values move in straight lines, so that the figures are exact. The same input gives the same
/// figures, to the last bit. <see cref="ReplayMemory"/> carries out the law's targets in the same way for all laws: no memory is given
/// twice.
/// </summary>
internal sealed class ReplayEngine
{
    /// <summary>Microseconds between two samples of fairness and two calls of <see cref="GoesOn"/>: 300 s.</summary>
    private const long Grid = 300_000_000;

    private readonly ReplayVm[] _vms;
    private readonly ILaw _law;
    private readonly MechanismDelays _delays;
    private readonly ReplayMemory _host;
    private readonly EventHeap _events;
    private readonly Fairness _fairness;
    private readonly long _end;
    private readonly long _period;
    private readonly SeededRandom _chance;
    private readonly LawGuest[] _guests;
    private readonly long[] _targets;

    /// <summary>The targets as the law last set them: only those that it changes are looked at.</summary>
    private readonly long[] _decided;
    private readonly long[] _lookedAt;
    private readonly double[] _shortWhenLooked;
    private readonly bool[] _low;
    private readonly bool[] _isActive;
    private readonly List<int> _active = [];
    private readonly List<int> _changed = [];
    private readonly double _lowMemory;
    private readonly double _fillRate;
    private long _now;
    private bool _confirmed;

    /// <param name="memory">The host's memory for guests, in bytes. It is at least the sum of the VMs' min.</param>
    /// <param name="end">The end of the replay, in microseconds.</param>
    /// <param name="seed">The seed of the drawn delays until pressure is heard.</param>
    /// <param name="leastPeriod">The shortest time between two periodic looks of the law; events that it hears come in between.</param>
    public ReplayEngine(
        long memory, IReadOnlyList<VmPlan> vms, ILaw law, MechanismDelays delays, long end, ulong seed, TimeSpan leastPeriod = default)
    {
        (_law, _delays, _end) = (law, delays, end);
        _period = law.Period == TimeSpan.Zero ? 0 : Math.Max(law.Period.Ticks, leastPeriod.Ticks) / TimeSpan.TicksPerMicrosecond;
        _vms = [.. vms.Select(vm => new ReplayVm(vm, law.BalloonOnly))];
        var n = _vms.Length;
        _events = new(Thing.Count(n));
        _host = new(memory, _vms, delays, law as ITellsUrgency, (vm, at) => _events.Set(Thing.Movement(n, vm), at),
            vm => _events.Remove(Thing.Movement(n, vm)));
        _fairness = new(memory, _vms);
        _chance = new(seed);
        (_guests, _targets, _decided, _lookedAt) = (new LawGuest[n], new long[n], new long[n], new long[n]);
        (_shortWhenLooked, _low, _isActive) = (new double[n], new bool[n], new bool[n]);
        (_lowMemory, _fillRate) = (delays.LowMemoryMib * (1 << 20), delays.CacheFillMibPerSecond * (1 << 20) * 1e-6);
    }

    public IReadOnlyList<ReplayVm> Vms => _vms;

    public ReplayMemory Host => _host;

    public long Now => _now;

    /// <summary>Called after each event, for observers.</summary>
    public Action? Watcher { get; set; }

    /// <summary>The number of times that the law was asked.</summary>
    public long Decisions { get; private set; }

    /// <summary>Called on the time grid; false ends the replay (for instance because its bound is exceeded). It may throw.</summary>
    public Func<bool>? GoesOn { get; set; }

    /// <returns>False where <see cref="GoesOn"/> ended the replay.</returns>
    public bool Run()
    {
        Begin();
        while (_events.NextAt is var at && at < _end)
        {
            _now = at;
            var thing = _events.Next;
            _events.Remove(thing);
            var n = _vms.Length;
            if (thing < n)
                NeedChanges(thing);
            else if (thing < 2 * n)
                MovementArrives(thing - n);
            else if (thing < 3 * n)
                PressureIsHeard(thing - (2 * n));
            else if (thing == Thing.Confirmed(n))
                Consult(LawEvents.Confirmed);
            else if (thing == Thing.Look(n))
                Consult(LawEvents.None);
            else if (thing >= Thing.Join(n, 0))
                Joins(thing - Thing.Join(n, 0));
            else if (!OnTheGrid())
                return false;
            Watcher?.Invoke();
        }

        _now = _end;
        foreach (var vm in _vms)
            vm.Advance(_end);
        return true;
    }

    public ReplayFigures Figures(string law, int admitted, double seconds) =>
        ReplayFigures.Of(law, _vms, _end * 1e-6, _fairness.Index, admitted, seconds);

    /// <summary>Starts every VM with its min plus its need, as far as memory lasts. The law decides at once.</summary>
    private void Begin()
    {
        for (var i = 0; i < _vms.Length; i++)
        {
            if (_vms[i].Here)
                _vms[i].TakeNeed(0);
            else
                _events.Set(Thing.Join(_vms.Length, i), _vms[i].Plan.JoinsAt);
            if (_vms[i].Here)
                Schedule(i);
        }

        _host.Place();
        for (var i = 0; i < _vms.Length; i++)
        {
            var vm = _vms[i];
            _targets[i] = _decided[i] = vm.Target;
            _guests[i] = new() { Present = vm.Here, Min = vm.Min, Boot = vm.Boot, Max = vm.Max, Shares = vm.Shares };
            if (vm.Here)
                Activate(i);
        }

        _events.Set(Thing.Grid(_vms.Length), Grid);
        Consult(LawEvents.Population);
    }

    private void NeedChanges(int i)
    {
        Activate(i);
        _vms[i].TakeNeed(_now);
        Schedule(i);
        _host.NeedChanged(i, _now);
        Listen(i, anew: false);
    }

    /// <summary>Adds a VM. It asks for its boot memory like any growth, and the law hears of it.</summary>
    private void Joins(int i)
    {
        var vm = _vms[i];
        (vm.Here, _guests[i].Present) = (true, true);
        Activate(i);
        vm.TakeNeed(_now);
        Schedule(i);
        vm.Target = _targets[i] = _decided[i] = Math.Clamp(vm.Boot, vm.Min, vm.Cap);
        _host.Redirect([i], _now);
        AfterMemoryMoved();
        Consult(LawEvents.Population);
    }

    private void MovementArrives(int i)
    {
        Activate(i);
        var grew = _vms[i].Growing;
        _confirmed = _host.Arrives(i, _now);
        Listen(i, anew: grew && !_vms[i].Growing);
        AfterMemoryMoved();
    }

    private void AfterMemoryMoved()
    {
        if (_confirmed && _law.Hears.HasFlag(LawEvents.Confirmed) && !_events.Holds(Thing.Confirmed(_vms.Length)))
            _events.Set(Thing.Confirmed(_vms.Length), _now);
        _confirmed = false;
        foreach (var i in _host.Woken)
            Activate(i);
        _host.Woken.Clear();
    }

    /// <summary>The guest's agent reports when little memory is available, and again where a growth has not helped.</summary>
    private void Listen(int i, bool anew)
    {
        var vm = _vms[i];
        var low = vm.Actual - vm.Need < _lowMemory && vm.Actual < vm.Cap;
        var calls = low && (anew || !_low[i]);
        _low[i] = low;
        var thing = Thing.Pressure(_vms.Length, i);
        if (!calls || !_law.Hears.HasFlag(LawEvents.Pressure) || _events.Holds(thing))
            return;
        var part = (_chance.Next() >> 11) * (1.0 / (1UL << 53));
        _events.Set(thing, _now + (long)((_delays.HearingLeastMs + ((_delays.HearingMostMs - _delays.HearingLeastMs) * part)) * 1000));
    }

    private void PressureIsHeard(int i)
    {
        Activate(i);
        Consult(LawEvents.Pressure);
    }

    private void Schedule(int i)
    {
        if (_vms[i].NextNeedAt is var at && at < _end)
            _events.Set(i, at);
    }

    /// <summary>Marks a guest that has something new to see, so that the law's next periodic look is not skipped.</summary>
    private void Activate(int i)
    {
        if (!_isActive[i])
        {
            _isActive[i] = true;
            _active.Add(i);
            _lookedAt[i] = _now;
            _vms[i].Advance(_now);
        }

        NextLook();
    }

    private void NextLook()
    {
        if (_period > 0)
            LookAt(_now + 1);
    }

    /// <summary>Schedules the law's first period at or after <paramref name="at"/>, unless an earlier one is scheduled.</summary>
    private void LookAt(long at)
    {
        var look = Thing.Look(_vms.Length);
        var due = (at + _period - 1) / _period * _period;
        if (!_events.Holds(look) || due < _events.At(look))
            _events.Set(look, due);
    }

    private void Consult(LawEvents why)
    {
        Look();
        Decisions++;
        var next = _law.Decide(TimeSpan.FromMicroseconds(_now), why, new(_host.Memory, _host.Used), _guests, _targets);
        _changed.Clear();
        for (var i = 0; i < _targets.Length; i++)
        {
            if (_targets[i] == _decided[i])
                continue;
            _decided[i] = _targets[i];
            var vm = _vms[i];
            if (!vm.Here)
                continue;
            var target = Math.Clamp(_targets[i], vm.Min, vm.Cap);
            if (target == vm.Target)
                continue;
            // The shortfall until now belongs to the last target.
            vm.Advance(_now);
            vm.Target = target;
            vm.Resizes++;
            _changed.Add(i);
        }

        foreach (var i in _changed)
            Activate(i);
        if (_changed.Count > 0)
        {
            _host.Redirect(_changed, _now);
            AfterMemoryMoved();
        }

        if (_active.Count > 0)
            NextLook();
        else if (next is { } again && _period > 0)
            LookAt(Math.Max(again.Ticks / TimeSpan.TicksPerMicrosecond, _now + 1));
    }

    /// <summary>Updates the guests that the law sees. Only those that move are updated; the others are unchanged.</summary>
    private void Look()
    {
        var kept = 0;
        for (var k = 0; k < _active.Count; k++)
        {
            var i = _active[k];
            var vm = _vms[i];
            vm.Advance(_now);
            vm.Heard = true;
            var filling = vm.Fill(_fillRate, _lookedAt[i]);
            ref var guest = ref _guests[i];
            var (need, actual, cache) = ((long)vm.Need, (long)vm.Actual, (long)vm.Cache);
            guest.Actual = actual;
            guest.Used = need;
            guest.Swapped = Math.Max(0, need - actual);
            guest.Cache = cache;
            guest.Free = Math.Max(0, actual - need - cache);
            if (!vm.Plan.Lie.IsZero)
                guest = Lies(guest, vm.Plan.Lie.Bytes);
            if (_now > _lookedAt[i])
                guest.Stalled = Math.Min(1, Math.Round((vm.ShortSeconds - _shortWhenLooked[i]) / ((_now - _lookedAt[i]) * 1e-6), 6));
            var moves = filling || vm.Moving || vm.Starting || vm.Short || vm.Drifts || guest.Stalled > 0;
            (_lookedAt[i], _shortWhenLooked[i]) = (_now, vm.ShortSeconds);
            _isActive[i] = moves;
            if (moves)
                _active[kept++] = i;
        }

        _active.RemoveRange(kept, _active.Count - kept);
    }

    /// <summary>Adds a lie: the guest claims to use more, at most as much as it has free or in cache.</summary>
    private static LawGuest Lies(LawGuest guest, long lie)
    {
        var more = Math.Min(lie, guest.Free + guest.Cache);
        var free = Math.Min(guest.Free, more);
        return guest with { Used = guest.Used + more, Free = guest.Free - free, Cache = guest.Cache - (more - free) };
    }

    private bool OnTheGrid()
    {
        foreach (var vm in _vms)
            vm.Advance(_now);
        _fairness.Look();
        _events.Set(Thing.Grid(_vms.Length), _now + Grid);
        return GoesOn is null || GoesOn();
    }

    /// <summary>
    /// The numbers of the events. At the same moment the smaller number comes first, so that the model moves before the law looks.
    /// </summary>
    private static class Thing
    {
        public static int Count(int n) => (4 * n) + 3;

        public static int Movement(int n, int vm) => n + vm;

        public static int Pressure(int n, int vm) => (2 * n) + vm;

        public static int Confirmed(int n) => 3 * n;

        public static int Look(int n) => (3 * n) + 1;

        public static int Grid(int n) => (3 * n) + 2;

        public static int Join(int n, int vm) => (3 * n) + 3 + vm;
    }
}
