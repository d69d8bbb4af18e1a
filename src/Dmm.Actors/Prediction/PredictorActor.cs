using Akka.Actor;
using Dmm.Actors.Events;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Actors.Prediction;

/// <summary>
/// One estimator and forecaster a VM. Emits all forecasts in one batch each tick, and a single VM's at once when its guest is about to
/// stall. Holds nothing that samples would not bring back.
/// </summary>
public sealed class PredictorActor : ReceiveActor, IWithTimers
{
    private readonly Dictionary<VmId, DemandModel> _models = [];
    private readonly TimeSpan _period;

    public PredictorActor(IActorRef host, DemandSettings settings, TimeSpan period, TimeProvider time)
    {
        Receive<PredictorProtocol.Sampled>(sampled =>
        {
            // Of a guest whose samples don't tell what it uses nothing is foreseen: it stays as it is.
            if (!sampled.Sample.TellsUse)
                return;
            if (!_models.TryGetValue(sampled.Vm, out var model))
                _models[sampled.Vm] = model = new(sampled.Vm, settings);
            var wasUrgent = model.Current?.Urgent == true;
            var forecast = model.Take(sampled.Sample, sampled.Sizes, Clocks.Read(time).Wall);
            if (forecast.Urgent)
                host.Tell(new PredictorProtocol.Forecasts([forecast], Tick: false));
            if (forecast.Urgent && !wasUrgent)
            {
                Context.System.EventStream.Publish(new Happening(Clocks.Read(time).Wall, "pressure", sampled.Vm,
                    $"{sampled.Sample.MemAvailable} available of {sampled.Sizes.Actual}; {forecast.Demand} expected", sampled.Sizes.Actual, forecast.Demand));
            }
        });
        Receive<PredictorProtocol.Forget>(forget => { _models.Remove(forget.Vm); });
        Receive<Tick>(_ => host.Tell(new PredictorProtocol.Forecasts([.. _models.Values.Select(m => m.Current).OfType<Forecast>()], Tick: true)));
        _period = period;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IActorRef host, DemandSettings settings, TimeSpan period, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new PredictorActor(host, settings, period, time));

    protected override void PreStart() => Timers.StartPeriodicTimer("tick", new Tick(), _period);

    private sealed record Tick;
}
