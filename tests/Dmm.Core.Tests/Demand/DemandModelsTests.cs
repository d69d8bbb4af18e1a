using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

public sealed class DemandModelsTests
{
    private static readonly Moment Start = Moment.Origin;
    private static readonly DateTimeOffset Wall = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly VmId Sick = VmId.Parse("sick");
    private static readonly VmId Well = VmId.Parse("well");
    private static readonly VmSizes Sizes =
        new(MemorySize.FromMiB(512), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);

    private static GuestSample Sample(int second) => new()
    {
        At = Start + TimeSpan.FromSeconds(second),
        Source = SampleSource.Agent,
        MemTotal = MemorySize.FromMiB(500),
        MemFree = MemorySize.FromMiB(300),
        MemAvailable = MemorySize.FromMiB(300),
    };

    [Fact]
    public void A_model_that_fails_is_dropped_alone_and_made_anew_by_the_next_sample()
    {
        var models = new DemandModels(new(), (vm, _) => vm == Sick ? new Failing(2) : new DemandModel(vm, new()));
        models.Take(Well, Sample(0), Sizes, Wall);
        Assert.Null(models.Take(Sick, Sample(0), Sizes, Wall).Fault);
        Assert.Equal([Sick, Well], models.Current.Select(f => f.Vm));

        var failed = models.Take(Sick, Sample(1), Sizes, Wall);

        Assert.Null(failed.Forecast);
        Assert.IsType<InvalidOperationException>(failed.Fault);
        Assert.Equal(Well, Assert.Single(models.Current).Vm);
        Assert.NotNull(models.Take(Sick, Sample(2), Sizes, Wall).Forecast);
        Assert.Equal([Sick, Well], models.Current.Select(f => f.Vm));
    }

    [Fact]
    public void After_a_reset_there_is_no_forecast_until_the_next_sample()
    {
        var models = new DemandModels(new());
        for (var second = 0; second < 60; second++)
            models.Take(Well, Sample(second), Sizes, Wall);
        models.Reset(Well);
        models.Reset(Sick);
        Assert.Empty(models.Current);
        // Its counters begin anew: that is neither a stall nor a refault.
        var forecast = models.Take(Well, Sample(61), Sizes, Wall).Forecast!;
        Assert.Equal((0.0, false), (forecast.Harm, forecast.Urgent));
    }

    /// <summary>A model that fails at the given sample, and at each after it.</summary>
    private sealed class Failing(int at) : IDemandModel
    {
        private readonly DemandModel _model = new(Sick, new());
        private int _taken;

        public Forecast? Current => _model.Current;

        public Forecast Take(GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null) =>
            ++_taken < at ? _model.Take(sample, sizes, wall, most) : throw new InvalidOperationException("it does not know what to do");

        public void Reset() => _model.Reset();
    }
}
