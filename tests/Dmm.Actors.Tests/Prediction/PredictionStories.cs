using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Dmm.Actors.Prediction;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Prediction;

/// <summary>
/// The predictor sends the host forecasts of all VMs at each beat of its clock, and a forecast of one VM at once when its guest is about
/// to stall.
/// </summary>
public sealed class PredictionStories : TestKit
{
    private static readonly Config Virtual =
        ConfigurationFactory.ParseString("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """);

    private readonly IActorRef _predictor;

    public PredictionStories(ITestOutputHelper output)
        : base(Virtual, "prediction", output)
    {
        Time = new((TestScheduler)Sys.Scheduler);
        _predictor = Sys.ActorOf(PredictorActor.Props(TestActor, new DemandSettings(), Time));
    }

    private SteppingTime Time { get; }

    private TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private PredictorProtocol.Sampled Sampled(
        string vm, long available, SampleReason reason = SampleReason.Periodic, bool tellsUse = true) => new(
        VmId.Parse(vm),
        new GuestSample
        {
            At = Clocks.MomentOf(Time),
            Source = SampleSource.Agent,
            MemTotal = MiB(500),
            MemFree = MiB(available),
            MemAvailable = MiB(available),
            Reason = reason,
            TellsUse = tellsUse,
        },
        new(MiB(512), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero));

    /// <summary>Lets a second pass until the next beat of the host's clock.</summary>
    private void Tick(IActorRef? predictor = null)
    {
        _predictor.Tell(new Identify(0), TestActor);
        ExpectMsg<ActorIdentity>();
        Clock.Advance(TimeSpan.FromSeconds(1));
        (predictor ?? _predictor).Tell(new PredictorProtocol.Emit(), TestActor);
    }

    [Fact]
    public void All_vms_forecasts_come_in_one_batch_at_each_tick()
    {
        foreach (var vm in new[] { "a", "b", "c" })
            _predictor.Tell(Sampled(vm, 300));
        ExpectNoMsg(TimeSpan.Zero);
        for (var i = 0; i < 3; i++)
        {
            Tick();
            var batch = ExpectMsg<PredictorProtocol.Forecasts>();
            Assert.True(batch.Tick);
            Assert.Equal(["a", "b", "c"], batch.Items.Select(f => f.Vm.Name).Order());
        }

        ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public void A_guest_about_to_stall_is_told_of_at_once_and_alone()
    {
        _predictor.Tell(Sampled("calm", 300));
        // The host and the VM itself are told; this test is both.
        _predictor.Tell(Sampled("stalls", 30, SampleReason.Stall));
        var one = ExpectMsg<PredictorProtocol.Forecasts>();
        Assert.Equal(one.Items[0].Demand, ExpectMsg<VmProtocol.InNeed>().Demand);
        Assert.False(one.Tick);
        Assert.Equal(("stalls", true), (Assert.Single(one.Items).Vm.Name, one.Items[0].Urgent));
        // The clock has not moved at all.
        _predictor.Tell(Sampled("stalls", 20, SampleReason.Stall));
        Assert.Equal("stalls", Assert.Single(ExpectMsg<PredictorProtocol.Forecasts>().Items).Vm.Name);
    }

    [Fact]
    public void Of_a_guest_that_tells_nothing_of_its_use_nothing_is_foreseen()
    {
        _predictor.Tell(Sampled("mute", 1, SampleReason.Periodic, tellsUse: false));
        Tick();
        Assert.Empty(ExpectMsg<PredictorProtocol.Forecasts>().Items);
    }

    /// <summary>
    /// The liar's samples come faster than the tick, so that a predictor that fails at each of them would never reach a tick.
    /// </summary>
    [Fact]
    public void A_guest_that_lies_without_measure_holds_up_nobodys_forecasts()
    {
        _predictor.Tell(Sampled("honest", 300));
        var chance = new SeededRandom(1);
        for (var second = 0; second < 10; second++)
        {
            for (var i = 0; i < 20; i++)
            {
                // The whole range of a counter, as GuestLine lets it through.
                var lie = (long)(chance.Next() >> 1);
                _predictor.Tell(Sampled("liar", 300) with
                {
                    Sample = Sampled("liar", 300).Sample with
                    {
                        At = Core.Clocks.MomentOf(Time) + TimeSpan.FromMilliseconds(i * 50),
                        Refaults = i % 2 == 0 ? 0 : lie,
                        StallSomeMicroseconds = lie,
                        SwapIns = i % 3 == 0 ? 0 : lie,
                        MajorFaults = lie,
                    },
                });
            }

            Tick();
            var batch = FishForMessage<PredictorProtocol.Forecasts>(static forecasts => forecasts.Tick);
            Assert.Equal(["honest", "liar"], batch.Items.Select(f => f.Vm.Name).Order());
        }
    }

    [Fact]
    public void A_model_that_fails_is_its_vms_affair_alone()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(Notice));
        var predictor = Sys.ActorOf(PredictorActor.Props(
            TestActor, new DemandSettings(), Time,
            (vm, _) => vm.Name == "sick" ? new Failing() : new DemandModel(vm, new())));
        for (var second = 0; second < 3; second++)
        {
            predictor.Tell(Sampled("well", 300));
            predictor.Tell(Sampled("sick", 300));
            Assert.Equal("sick", ExpectMsg<PredictorProtocol.Lost>().Vm.Name);
            var said = ExpectMsg<Notice>();
            Assert.Equal(("modelFailed", "sick"), (said.Kind, said.Vm?.Name));
            Tick(predictor);
            Assert.Equal("well", Assert.Single(ExpectMsg<PredictorProtocol.Forecasts>().Items).Vm.Name);
        }
    }

    private sealed class Failing : IDemandModel
    {
        public Forecast? Current => null;

        public Forecast Take(GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null) =>
            throw new OverflowException("simulated");

        public void Reset()
        {
        }
    }

    [Fact]
    public void A_vm_that_is_gone_is_told_of_no_more()
    {
        _predictor.Tell(Sampled("a", 300));
        _predictor.Tell(new PredictorProtocol.Forget(VmId.Parse("a")));
        Tick();
        Assert.Empty(ExpectMsg<PredictorProtocol.Forecasts>().Items);
    }
}
