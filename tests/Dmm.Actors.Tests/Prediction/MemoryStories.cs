using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Dmm.Actors.Prediction;
using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Prediction;

/// <summary>
/// What the models have learnt outlives the predictor, and no fault of the store holds up a forecast.
/// </summary>
public sealed class MemoryStories : TestKit
{
    private static readonly Config Virtual =
        ConfigurationFactory.ParseString("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """);

    private readonly Shelf _shelf = new();

    public MemoryStories(ITestOutputHelper output)
        : base(Virtual, "memory", output)
    {
        Time = new((TestScheduler)Sys.Scheduler);
        Sys.EventStream.Subscribe(TestActor, typeof(Notice));
    }

    private SteppingTime Time { get; }

    private TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static VmId Vm(string name) => VmId.Parse(name);

    private IActorRef Start(DemandSettings? settings = null, Func<VmId, bool, IDemandModel>? model = null) =>
        Sys.ActorOf(PredictorActor.Props(TestActor, settings ?? new(), Time, model, _shelf));

    private void Stop(IActorRef predictor)
    {
        Watch(predictor);
        Sys.Stop(predictor);
        FishForMessage<Terminated>(ended => ended.ActorRef.Equals(predictor));
    }

    private void Sample(IActorRef predictor, string vm, long used, long total = 8_000, bool ran = false) => predictor.Tell(
        new PredictorProtocol.Sampled(
            Vm(vm),
            new GuestSample
            {
                At = Clocks.MomentOf(Time),
                Source = SampleSource.Agent,
                MemTotal = MiB(total),
                MemFree = MiB(total - used),
                MemAvailable = MiB(total - used),
                Anonymous = MiB(used),
            },
            new(MiB(total), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero),
            Ran: ran));

    /// <summary>Lets the predictor and its store handle everything so far.</summary>
    private static void Pass(IActorRef predictor)
    {
        for (var round = 0; round < 3; round++)
            predictor.Ask<ActorIdentity>(new Identify(0), TimeSpan.FromSeconds(10)).Wait();
    }

    private void Go(IActorRef predictor, TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(10))
        {
            Clock.Advance(TimeSpan.FromSeconds(10));
            Pass(predictor);
        }
    }

    private ImmutableArray<Forecast> Forecasts(IActorRef predictor)
    {
        predictor.Tell(new PredictorProtocol.Emit(), TestActor);
        return FishForMessage<PredictorProtocol.Forecasts>(static forecasts => forecasts.Tick).Items;
    }

    private Forecast ForecastOf(IActorRef predictor, string vm) => Forecasts(predictor).Single(f => f.Vm == Vm(vm));

    private Notice Said(string kind) => FishForMessage<Notice>(notice => notice.Kind == kind);

    /// <summary>
    /// A guest that used 6000 MiB for ten minutes, and 500 MiB since a moment. Each step is handled before the time goes on: else a model
    /// could be written at the end of the ten minutes with the first sample alone.
    /// </summary>
    private void Live(IActorRef predictor, string vm)
    {
        Pass(predictor);
        for (var i = 0; i < 20; i++)
        {
            Sample(predictor, vm, i < 19 ? 6_000 : 500);
            Pass(predictor);
            Clock.Advance(TimeSpan.FromSeconds(30));
            Pass(predictor);
        }
    }

    [Fact]
    public void The_next_predictor_goes_on_from_what_the_last_one_knew()
    {
        var first = Start();
        Pass(first);
        Live(first, "a");
        first.Tell(new PredictorProtocol.Save(), TestActor);
        FishForMessage<PredictorProtocol.Saved>(static _ => true);
        Stop(first);
        Clock.Advance(TimeSpan.FromSeconds(20));
        var next = Start();
        Sample(next, "a", 500);
        Pass(next);
        Sample(next, "a", 500);
        Assert.InRange(ForecastOf(next, "a").ShrinkTo.Mebibytes, 6_000, 7_400);
    }

    [Fact]
    public void A_predictor_that_dies_is_followed_by_one_that_knows_what_was_written()
    {
        var first = Start();
        Live(first, "a");
        Go(first, TimeSpan.FromMinutes(1));
        Stop(first);
        var next = Start();
        Pass(next);
        Sample(next, "a", 500);
        Assert.InRange(ForecastOf(next, "a").ShrinkTo.Mebibytes, 6_000, 7_400);
    }

    [Fact]
    public void Nothing_waits_for_a_store_that_is_slow()
    {
        _shelf.Hold();
        var predictor = Start();
        Sample(predictor, "a", 500);
        Sample(predictor, "b", 500, ran: true);
        Assert.Equal([Vm("a"), Vm("b")], Forecasts(predictor).Select(f => f.Vm));
        // A guest that ran before keeps what it held, so that nothing is taken before its record is known.
        Assert.Equal(MiB(8_000), ForecastOf(predictor, "b").ShrinkTo);
        Go(predictor, TimeSpan.FromMinutes(2));
        Assert.Contains("does not answer", Said("modelsNotKept").Text, StringComparison.Ordinal);
        Assert.Empty(_shelf.Writes);
        _shelf.Release();
        AwaitAssert(() =>
        {
            Clock.Advance(TimeSpan.FromSeconds(30));
            Assert.NotEmpty(_shelf.Writes);
        }, TimeSpan.FromSeconds(30));
        Said("modelsKept");
    }

    [Fact]
    public void A_store_that_throws_is_told_of_once_and_forecasts_go_on()
    {
        _shelf.Fails = true;
        var predictor = Start();
        Said("modelsNotKept");
        for (var i = 0; i < 20; i++)
        {
            Sample(predictor, "a", 500);
            Go(predictor, TimeSpan.FromSeconds(30));
            Assert.Single(Forecasts(predictor));
        }

        _shelf.Fails = false;
        Go(predictor, TimeSpan.FromMinutes(2));
        // Every notice since the first: it was not said again.
        Assert.Equal("modelsKept", FishForMessage<Notice>(static _ => true).Kind);
        Assert.Equal([Vm("a")], _shelf.Kept.Keys);
    }

    [Fact]
    public void What_can_not_be_read_yet_is_not_written_over()
    {
        var first = Start();
        Live(first, "a");
        Go(first, TimeSpan.FromMinutes(1));
        Stop(first);
        var before = _shelf.Kept[Vm("a")];
        _shelf.FailsToRead = true;
        var next = Start();
        Said("modelsNotKept");
        Sample(next, "a", 500);
        Go(next, TimeSpan.FromMinutes(10));
        Assert.Equal(before, _shelf.Kept[Vm("a")]);
        _shelf.FailsToRead = false;
        Go(next, TimeSpan.FromMinutes(1));
        Sample(next, "a", 500);
        Assert.InRange(ForecastOf(next, "a").ShrinkTo.Mebibytes, 6_000, 7_400);
    }

    [Fact]
    public void A_store_that_was_lost_is_told_of_and_vms_are_learnt_anew()
    {
        _shelf.Lost = "models.db is corrupt";
        var predictor = Start();
        Assert.Contains("models.db is corrupt", Said("modelsLost").Text, StringComparison.Ordinal);
        Sample(predictor, "a", 500);
        Assert.Single(Forecasts(predictor));
    }

    [Fact]
    public void A_record_that_is_of_no_use_is_dropped_alone_and_deleted()
    {
        var first = Start();
        Live(first, "well");
        Live(first, "bad");
        first.Tell(new PredictorProtocol.Save(), TestActor);
        FishForMessage<PredictorProtocol.Saved>(static _ => true);
        Stop(first);
        _shelf.Change(Vm("bad"), record => record with { ErrorBytes = -1 });
        var next = Start();
        Assert.Contains("bad", Said("modelsLost").Text, StringComparison.Ordinal);
        Sample(next, "well", 500);
        Sample(next, "bad", 500);
        Assert.InRange(ForecastOf(next, "well").ShrinkTo.Mebibytes, 6_000, 7_400);
        Assert.InRange(ForecastOf(next, "bad").ShrinkTo.Mebibytes, 500, 700);
        Assert.Contains(_shelf.Writes, write => write.Drop.Contains(Vm("bad")));
    }

    [Fact]
    public void What_was_learnt_of_a_vm_that_is_forgotten_is_deleted()
    {
        var predictor = Start();
        Live(predictor, "a");
        Live(predictor, "b");
        Go(predictor, TimeSpan.FromMinutes(1));
        Assert.Equal(2, _shelf.Kept.Count);
        _shelf.Hold();
        predictor.Tell(new PredictorProtocol.Forget(Vm("a")));
        Sample(predictor, "b", 500);
        predictor.Tell(new PredictorProtocol.Forget(Vm("b")));
        Pass(predictor);
        _shelf.Release();
        AwaitAssert(() => Assert.Empty(_shelf.Kept), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void What_was_learnt_of_a_vm_whose_model_failed_is_deleted_and_the_next_model_keeps_what_it_holds()
    {
        var fails = false;
        var predictor = Start(model: (vm, ran) => new Failing(new DemandModel(vm, new(), ran), () => fails));
        Live(predictor, "a");
        Go(predictor, TimeSpan.FromMinutes(1));
        Assert.Single(_shelf.Kept);
        fails = true;
        Sample(predictor, "a", 500);
        Said("modelFailed");
        fails = false;
        Sample(predictor, "a", 500);
        Assert.Equal(MiB(8_000), ForecastOf(predictor, "a").ShrinkTo);
        Go(predictor, TimeSpan.FromMinutes(1));
        Assert.Contains(_shelf.Writes, write => write.Drop.Contains(Vm("a")));
    }

    [Fact]
    public void A_thousand_models_are_written_in_parts_and_each_once_in_a_period()
    {
        var predictor = Start();
        foreach (var i in Enumerable.Range(0, 1_000))
            Sample(predictor, $"vm-{i:000}", 500);
        Go(predictor, TimeSpan.FromMinutes(5));
        Assert.Equal(1_000, _shelf.Kept.Count);
        Assert.All(_shelf.Writes, write => Assert.InRange(write.Put.Length, 1, 100));
        // Those that were written first may be due again at the end of the period.
        Assert.InRange(_shelf.Writes.Sum(write => write.Put.Length), 1_000, 1_100);
        Go(predictor, TimeSpan.FromMinutes(5));
        Assert.InRange(_shelf.Writes.Sum(write => write.Put.Length), 1_900, 2_100);
    }

    [Fact]
    public void A_record_has_a_few_KiB_whatever_its_guest_does_and_its_text_means_the_same()
    {
        var (model, chance) = (new DemandModel(Vm("a"), new() { HalfLife = TimeSpan.FromDays(7) }, ran: true), new SeededRandom(1));
        for (var at = 0; at < 200 * 3_600; at += 60)
        {
            var used = 1L << chance.Between(0, 20);
            model.Take(
                new GuestSample
                {
                    At = Moment.Origin + TimeSpan.FromSeconds(at),
                    Source = SampleSource.Agent,
                    MemTotal = MiB((1 << 20) + 1),
                    MemFree = MemorySize.Zero,
                    MemAvailable = MiB(Math.Max(0, (1 << 20) + 1 - used - chance.Between(0, (int)used / 2))),
                    StallSomeMicroseconds = chance.Between(0, 1_000_000_000),
                    ActiveFile = MiB(chance.Between(0, 1_000)),
                },
                new(MiB(1 << 20), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero),
                DateTimeOffset.UnixEpoch.AddYears(56).AddSeconds(at));
        }

        var record = model.Remember(new(Moment.Origin + TimeSpan.FromHours(200), DateTimeOffset.UnixEpoch.AddYears(56).AddHours(200)))!;
        Assert.InRange(record.Use.Buckets.Length, 150, DecayingHistogram.Buckets);
        var text = ModelJson.Write(record);
        Assert.InRange(text.Length, 2_000, 10_000);
        Assert.Equal(text, ModelJson.Write(ModelJson.Read(text)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"version":2}""")]
    [InlineData("""{"version":1,"vm":"a"}""")]
    [InlineData("""{"version":1,"vm":"../a","at":"2026-01-01T00:00:00Z"}""")]
    [InlineData("""{"version":99,"vm":"a","at":"2026-01-01T00:00:00Z","use":{"buckets":[],"seconds":[]},"seasons":null,"floor":null}""")]
    public void A_text_that_is_no_record_is_refused(string text) =>
        Assert.Throws<System.Runtime.Serialization.SerializationException>(() => ModelJson.Read(System.Text.Encoding.UTF8.GetBytes(text)));

    private sealed class Failing(DemandModel model, Func<bool> fails) : IDemandModel
    {
        public Forecast? Current => model.Current;

        public void Reset()
        {
        }

        public Forecast Take(GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null) =>
            fails() ? throw new OverflowException("simulated") : model.Take(sample, sizes, wall, most);

        public ModelRecord? Remember(Clocks now) => model.Remember(now);

        public void Recall(ModelRecord record, Clocks now) => model.Recall(record, now);
    }
}
