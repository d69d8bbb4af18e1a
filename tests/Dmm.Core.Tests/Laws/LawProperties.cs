using CsCheck;
using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

/// <summary>
/// The properties of every law, over random guests whose sizes follow their targets, lag behind them, or do not move at all.
/// </summary>
public sealed class LawProperties
{
    private const long MiB = 1 << 20;

    public static TheoryData<string> Names => [.. LawCatalog.All.Select(law => law.Name)];

    public static TheoryData<string> Peers => [.. LawCatalog.All.Select(law => law.Name).Where(name => name != "dmm")];

    /// <param name="Periods">The number of periods that it lasts.</param>
    /// <param name="Slot">The index of the guest that changes.</param>
    /// <param name="Follows">The part of the way to their targets that the guests move first, in quarters.</param>
    private sealed record Step(int Periods, int Slot, LawGuest Guest, int Follows, bool Calls);

    private static readonly Gen<LawGuest> Guest =
        Gen.Select(Gen.Int[1, 400], Gen.Int[0, 2000], Gen.Int[0, 2000], Gen.Int[1, 3000], Gen.Double[0, 1.3], Gen.Double[0, 1],
            Gen.Int[0, 9])
            .Select((min, boot, more, shares, use, free, absent) =>
            {
                var actual = (min + boot) * MiB;
                var used = (long)(actual * use);
                var swapped = Math.Max(0, used - actual);
                var rest = actual - (used - swapped);
                return new LawGuest
                {
                    Present = absent != 0,
                    Min = min * MiB,
                    Boot = actual,
                    Max = actual + (more * MiB),
                    Shares = shares,
                    Actual = actual,
                    Used = used,
                    Swapped = swapped,
                    Free = (long)(rest * free),
                    Cache = rest - (long)(rest * free),
                };
            });

    private static readonly Gen<(LawGuest[] Guests, Step[] Steps, long Memory)> Histories = Gen.Select(
        Guest.Array[1, 6],
        Gen.Select(Gen.OneOf(Gen.Int[1, 5], Gen.Int[1, 400]), Gen.Int[0, 5], Guest, Gen.Int[0, 4], Gen.Bool,
            (n, slot, guest, follows, calls) =>
            new Step(n, slot, guest, follows, calls)).Array[1, 6],
        Gen.Int[100, 12_000],
        (guests, steps, memory) => (guests, steps, memory * MiB));

    private static void ForAll(Action<(LawGuest[] Guests, Step[] Steps, long Memory)> holds) => Histories.Sample(holds, iter: 300);

    [Theory]
    [MemberData(nameof(Names))]
    public void Targets_stay_within_bounds_and_nothing_is_said_of_empty_slots(string name) => ForAll(history =>
    {
        var run = new Run(name, history.Guests, history.Memory);
        foreach (var step in history.Steps)
        {
            run.Change(step);
            for (var i = 0; i < run.Guests.Length; i++)
            {
                if (!run.Guests[i].Present)
                    run.Targets[i] = -1;
            }

            run.Look(step.Calls);
            for (var i = 0; i < run.Guests.Length; i++)
            {
                var guest = run.Guests[i];
                if (!guest.Present)
                    Assert.Equal(-1, run.Targets[i]);
                else
                    Assert.InRange(run.Targets[i], guest.Min, run.Law.BalloonOnly ? guest.BalloonMax : guest.Max);
            }
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void The_same_history_gives_the_same_plan(string name) => ForAll(history =>
    {
        var one = new Run(name, history.Guests, history.Memory);
        var other = new Run(name, history.Guests, history.Memory);
        foreach (var step in history.Steps)
        {
            one.Change(step);
            other.Change(step);
            Assert.Equal(one.Look(step.Calls), other.Look(step.Calls));
            Assert.Equal(one.Targets, other.Targets);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Who_looks_only_when_the_law_says_so_sees_what_who_looks_each_period_sees(string name) => ForAll(history =>
    {
        var patient = new Run(name, history.Guests, history.Memory);
        var busy = new Run(name, history.Guests, history.Memory);
        foreach (var step in history.Steps)
        {
            patient.Change(step);
            busy.Change(step);
            var next = patient.Look(step.Calls);
            busy.Look(step.Calls);
            for (var period = 0; period < step.Periods; period++)
            {
                patient.Now += patient.Period;
                busy.Now += busy.Period;
                busy.Look(false);
                if (next <= patient.Now)
                    next = patient.Look(false);

                // Rounding may differ if one law multiplies once and the other often.
                for (var i = 0; i < busy.Targets.Length; i++)
                    Assert.InRange(patient.Targets[i] - busy.Targets[i], -4096, 4096);
            }

            busy.Targets.CopyTo(patient.Targets, 0);
            patient.Now += patient.Period;
            busy.Now += busy.Period;
        }
    });

    /// <summary>
    /// DMM's own law returns its forecasts as values for the actors, which allocates; ArbiterTests shows that its arbiter allocates
    /// nothing.
    /// </summary>
    [Theory]
    [MemberData(nameof(Peers))]
    public void Deciding_allocates_nothing(string name)
    {
        var run = new Run(name, [.. Enumerable.Range(1, 40).Select(i => new LawGuest
        {
            Present = true, Min = 100 * MiB, Boot = 1000 * MiB, Max = 2000 * MiB, Shares = 1000, Actual = 600 * MiB, Used = 20 * i * MiB,
            Free = 10 * MiB,
        })], 20_000 * MiB);
        for (var warm = 0; warm < 50; warm++)
        {
            run.Now += TimeSpan.FromMinutes(7);
            run.Look(warm % 2 == 0);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 200; i++)
        {
            run.Guests[i % 40].Used += 3 * MiB;
            run.Now += TimeSpan.FromMinutes(7);
            run.Look(i % 2 == 0);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Names_are_told_apart_and_an_unknown_one_is_refused_with_those_that_exist()
    {
        Assert.All(LawCatalog.All, entry => Assert.Equal(entry.Name, entry.Create().Name));
        var fault = Assert.Throws<ArgumentException>(() => LawCatalog.Create("mum"));
        Assert.Contains("\"mum\"", fault.Message, StringComparison.Ordinal);
        Assert.Contains("proxmox, mom, squeezed", fault.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => LawCatalog.Create("static", 0.5));
    }

    [Fact]
    public void Every_value_of_a_safety_setting_makes_a_law() =>
        Assert.All(
            LawCatalog.All, entry => Assert.All(entry.Safety?.Values ?? [], value => Assert.Equal(entry.Name, entry.Create(value).Name)));

    private sealed class Run(string name, LawGuest[] guests, long memory)
    {
        public ILaw Law { get; } = LawCatalog.Create(name);

        public LawGuest[] Guests { get; } = [.. guests];

        public long[] Targets { get; } = [.. guests.Select(guest => guest.Actual)];

        public TimeSpan Now { get; set; }

        public TimeSpan Period => Law.Period > TimeSpan.Zero ? Law.Period : TimeSpan.FromSeconds(1);

        /// <summary>Moves the guests towards their targets; one is replaced, is added, or leaves.</summary>
        public void Change(Step step)
        {
            for (var i = 0; i < Guests.Length; i++)
                Guests[i].Actual += (Targets[i] - Guests[i].Actual) / 4 * step.Follows;
            var slot = step.Slot % Guests.Length;
            if (Guests[slot].Present != step.Guest.Present)
                Law.Forget(slot);
            Guests[slot] = step.Guest;
            Targets[slot] = step.Guest.Actual;
        }

        public TimeSpan? Look(bool calls)
        {
            var used = 0L;
            foreach (var guest in Guests)
                used += guest.Present ? guest.Actual : 0;
            var why = calls ? Law.Hears & (LawEvents.Pressure | LawEvents.Population) : LawEvents.None;
            return Law.Decide(Now, why, new(memory, used), Guests, Targets);
        }
    }
}
