using Dmm.Core.Hosts;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>The host plans by its own clock, with or without a predictor that answers.</summary>
public sealed class BeatTests
{
    private readonly HostUnderTest _host = new(2048);

    public BeatTests()
    {
        _host.Run(Spec("a"));
        _host.Effects.Clear();
    }

    private int Plans => _host.Effects.Count(e => e is HostEffect.Explain);

    [Fact]
    public void At_each_beat_forecasts_are_asked_for_and_the_plan_comes_with_them()
    {
        for (var beat = 1; beat <= 3; beat++)
        {
            _host.Say(new HostCommand.Beat());
            Assert.Equal((beat, beat - 1), (_host.Effects.Count(e => e is HostEffect.AskForecasts), Plans));
            _host.Say(new PredictorProtocol.Forecasts([], Tick: true));
            Assert.Equal(beat, Plans);
        }
    }

    [Fact]
    public void A_predictor_that_does_not_answer_holds_up_no_plan()
    {
        _host.Say(new HostCommand.Beat());
        for (var beat = 1; beat <= 3; beat++)
        {
            _host.Say(new HostCommand.Beat());
            Assert.Equal(beat, Plans);
        }
    }

    /// <summary>
    /// VMs' actors outlive the host's actor: the number of a target from the last host's actor must not match one from this host's actor.
    /// </summary>
    [Fact]
    public void No_two_hosts_of_a_process_tell_by_the_same_numbers()
    {
        var later = new HostUnderTest(2048) { Time = TimeSpan.FromMilliseconds(1) };
        later.Say(new HostCommand.TakeUp(null));
        Assert.True(later.Host.Tellings > _host.Host.Tellings + 1000);
    }
}
