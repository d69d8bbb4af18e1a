using Akka.Actor;
using Akka.Event;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Events;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Prediction;

/// <summary>
/// Keeps one estimator and forecaster for each VM. It sends all forecasts in one batch at the host's beat, and the forecast of a single
/// VM at once when its guest is about to stall. It holds no state that new samples would not rebuild. A model that fails affects its own
/// VM only (<see cref="DemandModels"/>): the host is told that nothing is known of that VM; other VMs and the beat go on.
/// </summary>
public sealed class PredictorActor : ReceiveActor
{
    private readonly TimeProvider _time;

    /// <param name="model">Makes a VM's model; null: the default model.</param>
    public PredictorActor(IActorRef host, DemandSettings settings, TimeProvider time, Func<VmId, IDemandModel>? model)
    {
        var models = new DemandModels(settings, model);
        var log = Context.GetLogger();
        var failed = new HashSet<VmId>();
        Receive<PredictorProtocol.Sampled>(sampled =>
        {
            var taken = models.Take(sampled.Vm, sampled.Sample, sampled.Sizes, Clocks.Read(time).Wall, sampled.Most);
            if (taken.Fault is { } fault)
            {
                if (failed.Add(sampled.Vm))
                    log.Error(fault, "the model of {0} failed and is replaced; further faults of it are not logged", sampled.Vm);
                host.Tell(new PredictorProtocol.Lost(sampled.Vm));
                var why = $"its model failed ({fault.GetType().Name})";
                Happened("modelFailed", sampled.Vm, $"its need is unknown until its guest reports again: {why}");
            }

            if (taken.Forecast is not { Urgent: true } forecast)
                return;
            host.Tell(new PredictorProtocol.Forecasts([forecast], Tick: false));
            if (taken.TurnsUrgent)
            {
                Context.System.EventStream.Publish(new Notice(Clocks.Read(time).Wall, "pressure", sampled.Vm,
                    $"{sampled.Sample.MemAvailable} available of {sampled.Sizes.Actual}; {forecast.Demand} expected", sampled.Sizes.Actual,
                    forecast.Demand));
            }
        });
        Receive<PredictorProtocol.Forget>(forget =>
        {
            models.Forget(forget.Vm);
            failed.Remove(forget.Vm);
        });
        Receive<PredictorProtocol.Reset>(reset => models.Reset(reset.Vm));
        Receive<PredictorProtocol.Emit>(_ => host.Tell(new PredictorProtocol.Forecasts(models.Current, Tick: true)));
        _time = time;
    }

    public static Props Props(IActorRef host, DemandSettings settings, TimeProvider time, Func<VmId, IDemandModel>? model = null) =>
        Akka.Actor.Props.Create(() => new PredictorActor(host, settings, time, model));

    private void Happened(string kind, VmId vm, string text) =>
        Context.System.EventStream.Publish(new Notice(Clocks.Read(_time).Wall, kind, vm, text));
}
