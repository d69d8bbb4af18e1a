using Akka.Actor;
using Akka.Event;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;

namespace Dmm.Actors.Prediction;

/// <summary>
/// Keeps one estimator and forecaster for each VM. It sends all forecasts in one batch at the host's beat, and the forecast of a single
/// VM at once when its guest is about to stall. A model that fails affects its own VM only (<see cref="DemandModels"/>): the host is told
/// that nothing is known of that VM; other VMs and the beat go on. What the models have learnt is read from a store at the start and
/// written to it now and then. Nothing waits for the store: a model that has taken samples before its record came takes up the record
/// then. A store that is lost, broken or silent is reported once.
/// </summary>
public sealed class PredictorActor : ReceiveActor, IWithTimers
{
    /// <summary>A call of the store that takes longer is reported.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly IActorRef _host;
    private readonly TimeProvider _time;
    private readonly IModelStore? _store;
    private readonly DemandModels _models;
    private readonly ModelKeeping _keeping;
    private readonly HashSet<VmId> _failed = [];
    private readonly List<IActorRef> _savers = [];
    private readonly CancellationTokenSource _life = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private Moment? _busySince;
    private bool _readOnce;
    private bool _saidFault;
    private bool _savesAll;

    /// <param name="store">Null: nothing is kept.</param>
    public PredictorActor(
        IActorRef host, DemandSettings settings, TimeProvider time, Func<VmId, bool, IDemandModel>? model, IModelStore? store)
    {
        (_host, _time, _store, _models) = (host, time, store, new(settings, model));
        _keeping = new(_models, settings.SavePeriod);
        Receive<PredictorProtocol.Sampled>(Take);
        Receive<PredictorProtocol.Forget>(forget =>
        {
            _models.Forget(forget.Vm);
            _failed.Remove(forget.Vm);
            _keeping.Drop(forget.Vm);
            Write();
        });
        Receive<PredictorProtocol.Emit>(_ => host.Tell(new PredictorProtocol.Forecasts(_models.Current, Tick: true)));
        Receive<PredictorProtocol.Save>(_ =>
        {
            _savers.Add(Sender);
            Write();
        });
        Receive<Due>(_ =>
        {
            if (_busySince is { } since && Now - since > Patience)
                Fault("the store does not answer");
            if (_readOnce)
                Write();
            else if (_busySince is null)
                StartReading(store!);
        });
        Receive<Read>(Recall);
        Receive<ReadFailed>(failed =>
        {
            _busySince = null;
            Fault(failed.Cause.GetBaseException().Message);
            AnswerSavers();
        });
        Receive<Wrote>(Written);
        Receive<WriteFailed>(failed =>
        {
            _busySince = null;
            _keeping.Failed();
            Fault(failed.Cause.GetBaseException().Message);
            AnswerSavers();
        });
        Receive<PredictorProtocol.Reset>(reset => _models.Reset(reset.Vm));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private Moment Now => Clocks.MomentOf(_time);

    public static Props Props(
        IActorRef host, DemandSettings settings, TimeProvider time, Func<VmId, bool, IDemandModel>? model = null,
        IModelStore? store = null) =>
        Akka.Actor.Props.Create(() => new PredictorActor(host, settings, time, model, store));

    protected override void PreStart()
    {
        if (_store is null)
            return;
        Timers.StartPeriodicTimer("due", new Due(), _keeping.Slice);
        StartReading(_store);
    }

    protected override void PostStop()
    {
        _life.Cancel();
        _life.Dispose();
    }

    private void StartReading(IModelStore store)
    {
        _busySince = Now;
        ReadAsync(store, _life.Token).PipeTo(Self, success: read => new Read(read), failure: cause => new ReadFailed(cause));

        static async Task<StoredModels> ReadAsync(IModelStore store, CancellationToken cancellation) =>
            await store.ReadAsync(cancellation);
    }

    private void Take(PredictorProtocol.Sampled sampled)
    {
        var taken = _models.Take(sampled.Vm, sampled.Sample, sampled.Sizes, Clocks.Read(_time).Wall, sampled.Most, sampled.Ran);
        if (taken.Fault is { } fault)
        {
            if (_failed.Add(sampled.Vm))
                _log.Error(fault, "the model of {0} failed and is replaced; further faults of it are not logged", sampled.Vm);
            // What it had learnt may be why it failed.
            _keeping.Drop(sampled.Vm);
            _host.Tell(new PredictorProtocol.Lost(sampled.Vm));
            var why = $"its model failed ({fault.GetType().Name})";
            Happened("modelFailed", sampled.Vm, $"its need is unknown until its guest reports again: {why}");
        }

        if (taken.Forecast is not { Urgent: true } forecast)
            return;
        _host.Tell(new PredictorProtocol.Forecasts([forecast], Tick: false));
        // The VM itself, too: what it has on lease it takes without waiting for anybody.
        Sender.Tell(new VmProtocol.InNeed(forecast.Demand));
        if (taken.TurnsUrgent)
        {
            Context.System.EventStream.Publish(new Notice(Clocks.Read(_time).Wall, "pressure", sampled.Vm,
                $"{sampled.Sample.MemAvailable} available of {sampled.Sizes.Actual}; {forecast.Demand} expected", sampled.Sizes.Actual,
                forecast.Demand));
        }
    }

    private void Recall(Read read)
    {
        (_busySince, _readOnce) = (null, true);
        if (read.Stored.Lost is { } lost)
            Lost(lost);
        var now = Clocks.Read(_time);
        var useless = new List<string>();
        foreach (var record in read.Stored.Records)
        {
            // Its VM was forgotten before this record came.
            if (_keeping.IsDropped(record.Vm))
                continue;
            if (_models.Recall(record, now) is not { } why)
                continue;
            _keeping.Drop(record.Vm);
            useless.Add($"{record.Vm} ({why})");
        }

        if (useless.Count > 0)
            Lost($"{useless.Count} of {read.Stored.Records.Length} records, such as that of {useless[0]}");
        Write();
    }

    /// <summary>Writes the next part, if no call of the store is under way.</summary>
    private void Write()
    {
        // Before the store was read, a write would replace what has been learnt over days by the first seconds.
        if (_busySince is not null)
            return;
        if (_store is null || !_readOnce)
        {
            AnswerSavers();
            return;
        }

        if (_keeping.Next(Clocks.Read(_time), all: _savers.Count > 0) is not { } part)
        {
            AnswerSavers();
            return;
        }

        _busySince = Now;
        _savesAll = _savers.Count > 0;
        WriteAsync(_store, part, _life.Token).PipeTo(Self, success: lost => new Wrote(lost), failure: cause => new WriteFailed(cause));

        static async Task<string?> WriteAsync(IModelStore store, ModelKeeping.Part part, CancellationToken cancellation) =>
            await store.WriteAsync(part.Put, part.Drop, cancellation);
    }

    private void Written(Wrote wrote)
    {
        _busySince = null;
        _keeping.Written();
        if (wrote.Lost is { } lost)
            Lost(lost);
        if (_saidFault)
        {
            _saidFault = false;
            _log.Warning("what is learnt of VMs can be kept again");
            Happened("modelsKept", null, "what is learnt of VMs can be kept again");
        }

        if (_savesAll)
            AnswerSavers();
        else if (_savers.Count > 0 || _keeping.HasDropped)
            Write();
    }

    private void AnswerSavers()
    {
        foreach (var saver in _savers)
            saver.Tell(new PredictorProtocol.Saved());
        _savers.Clear();
    }

    private void Lost(string what)
    {
        _log.Warning("what earlier daemons had learnt of VMs is lost, and is learnt anew: {0}", what);
        Happened("modelsLost", null, $"what earlier daemons had learnt of VMs is lost, and is learnt anew: {what}");
    }

    /// <summary>Reports once that the store fails, until it works again.</summary>
    private void Fault(string why)
    {
        if (_saidFault)
            return;
        _saidFault = true;
        _log.Warning("what is learnt of VMs can't be kept for the next daemon: {0}", why);
        Happened("modelsNotKept", null, $"what is learnt of VMs can't be kept for the next daemon: {why}");
    }

    private void Happened(string kind, VmId? vm, string text) =>
        Context.System.EventStream.Publish(new Notice(Clocks.Read(_time).Wall, kind, vm, text));

    private sealed record Due;

    private sealed record Read(StoredModels Stored);

    private sealed record ReadFailed(Exception Cause);

    private sealed record Wrote(string? Lost);

    private sealed record WriteFailed(Exception Cause);
}
