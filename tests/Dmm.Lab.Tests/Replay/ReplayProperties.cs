using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Lab.Density;
using Dmm.Lab.Replay;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Tests.Replay;

public sealed class ReplayProperties
{
    private static readonly TraceHost Host = new(SyntheticTraces.Make(25, TimeSpan.FromHours(8), seed: 3), new());
    private static readonly MemorySize Memory = Host.SumOfMax.Scale(0.25);

    public static TheoryData<string> Laws => [.. LawCatalog.All.Select(law => law.Name)];

    [Theory]
    [MemberData(nameof(Laws))]
    public void Memory_is_never_given_twice_whatever_the_law_wants(string name) =>
        IsNeverGivenTwice(name, new(SyntheticTraces.Make(8, TimeSpan.FromHours(5), seed: 3), new()));

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [MemberData(nameof(Laws))]
    public void Nor_is_it_on_a_larger_host_for_a_working_day(string name) => IsNeverGivenTwice(name, Host);

    private static void IsNeverGivenTwice(string name, TraceHost host)
    {
        var law = LabLaw.Of(name);
        var made = law.Create();
        var vms = host.For(made);
        var memory = host.SumOfMax.Scale(0.25);
        var engine = new ReplayEngine(memory.Bytes, [.. vms.Take(law.Admit(vms, memory.Bytes))], made, new(), host.End, 1);
        long events = 0;
        engine.Watcher = () =>
        {
            events++;
            long held = 0;
            foreach (var vm in engine.Vms)
            {
                held += vm.Held;
                Assert.True(vm.Actual <= vm.Held, $"{vm.Plan.Name} has {vm.Actual} of {vm.Held} at {engine.Now}");
                Assert.True(vm.Actual >= vm.Min && vm.Held <= vm.Cap, $"{vm.Plan.Name} has {vm.Actual}, holds {vm.Held} at {engine.Now}");
            }

            Assert.True(held == engine.Host.Used && held <= memory.Bytes,
                $"{held} held, {engine.Host.Used} counted of {memory.Bytes} at {engine.Now}");
        };
        Assert.True(engine.Run());
        Assert.True(events > 100, $"{events} events");
    }

    [Theory]
    [InlineData(BetweenSamples.Step)]
    [InlineData(BetweenSamples.Linear)]
    public void No_law_falls_short_by_less_than_perfect_foresight(BetweenSamples between)
    {
        var host = new TraceHost(SyntheticTraces.Make(12, TimeSpan.FromHours(2), seed: 4), new() { Between = between });
        var memory = host.SumOfMax.Scale(0.12);
        var figures = new ReplayRun(host, memory, new(), 1).Run([.. LabLaw.Names.Where(law => law != "static")], default);
        var oracle = figures.Single(f => f.Law == LabLaw.Oracle);
        Assert.True(oracle.ShortfallRatio > 0);
        Assert.All(
            figures,
            f => Assert.True(
                f.ShortfallRatio >= oracle.ShortfallRatio * (1 - 1e-9),
                $"{f.Law}: {f.ShortfallRatio} is less than {oracle.ShortfallRatio}"));
    }

    [Fact]
    public void The_same_seed_gives_the_same_figures_to_the_last_bit()
    {
        IReadOnlyList<ReplayFigures> Figures(ulong seed) =>
            [.. new ReplayRun(
                new(SyntheticTraces.Make(10, TimeSpan.FromHours(4), 5), new() { Seed = seed }), MemorySize.FromGiB(8), new(), seed)
                    .Run(LabLaw.Names, default).Select(f => f with { Seconds = 0 })];

        Assert.Equal(Figures(1), Figures(1));
        Assert.NotEqual(Figures(1), Figures(2));
    }

    [Fact]
    public void Perfect_foresight_is_short_by_what_is_missing_alone()
    {
        // There are 2 VMs of 100 and 300 MiB on 350 MiB: 50 are missing for 10 of 30 s; ∫ need = 2 × 100 × 30 + 200 × 10.
        var vms = new[] { Shared.Vm("a", 10, 1000, (0, 100), (10, 300), (20, 100)), Shared.Vm("b", 10, 1000, (0, 100)) };
        var figures = new OracleReplay(vms, Shared.Plain, 30 * Shared.Second, default).Run(350 * Shared.Mib, [true, true]);
        Assert.Equal(500.0 / 8000, figures.ShortfallRatio, 9);
        // Two triangles of 200 × 2 s ÷ 2, and 200 for the second before the unplug is answered.
        Assert.Equal(600.0 / 8000, figures.SlackRatio, 9);
    }

    [Fact]
    public void The_most_within_a_bound_is_found_from_any_guess_with_few_trials()
    {
        for (var most = 0; most <= 70; most++)
        {
            for (var right = 0; right <= most; right++)
            {
                for (var guess = 0; guess <= most; guess += 3)
                {
                    var trials = 0;
                    Assert.Equal(right, MostWithin.Find(guess, most, n =>
                    {
                        trials++;
                        Assert.InRange(n, 1, most);
                        return n <= right;
                    }));
                    Assert.True(trials <= 14, $"{trials} trials for {right} of {most} from {guess}");
                }
            }
        }
    }

    [Fact]
    public void A_host_holds_as_many_fixed_vms_as_fit_and_no_law_holds_more_than_perfect_foresight()
    {
        var figures = new DensityRun(Host, Memory, 0.001, 3, new(), 1, default).Run(["static", "dmm", "hyperv", LabLaw.Oracle], default);
        var oracle = figures[^1];
        foreach (var law in figures)
        {
            Assert.Equal(3, law.Holds.Count);
            Assert.All(
                law.Holds.Zip(oracle.Holds),
                pair => Assert.True(pair.First <= pair.Second, $"{law.Law} holds {pair.First}, the oracle {pair.Second}"));
        }

        Assert.True(figures[0].Mean > 0 && figures[1].Mean > figures[0].Mean, $"static {figures[0].Mean}, dmm {figures[1].Mean}");
    }

    [Fact]
    public void Of_things_at_the_same_moment_the_smaller_number_comes_first()
    {
        var chance = new SeededRandom(9);
        var heap = new EventHeap(40);
        var at = new long?[40];
        for (var k = 0; k < 20_000; k++)
        {
            var thing = chance.Below(40);
            if (chance.OneIn(3))
            {
                heap.Remove(thing);
                at[thing] = null;
            }
            else
            {
                at[thing] = chance.Below(50);
                heap.Set(thing, at[thing]!.Value);
            }

            var first = Enumerable.Range(0, 40).Where(i => at[i] is not null).OrderBy(i => at[i]).ThenBy(i => i).Cast<int?>()
                .FirstOrDefault();
            Assert.Equal(first is { } i ? at[i] : long.MaxValue, heap.NextAt);
            if (first is not null)
                Assert.Equal(first, heap.Next);
        }
    }
}
