using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;
using Dmm.Hypervisors.Tests.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Guest;

public sealed class SamplePacerTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<GuestSample> _delivered = [];
    private readonly SamplePacer _pacer;

    public SamplePacerTests() => _pacer = new SamplePacer(_time, _delivered.Add);

    public void Dispose() => Assert.True(_pacer.DisposeAsync().AsTask().Wait(Eventually.Deadline), "the pacer did not end");

    [Fact]
    public void A_calm_guest_is_heard_at_once()
    {
        Offer(1);
        Advance(1000);
        Offer(2);

        Assert.Equal([1, 2], Delivered());
    }

    [Fact]
    public void Of_a_flood_the_newest_is_kept_and_comes_after_the_interval()
    {
        for (var i = 1; i <= 100; i++)
            Offer(i);
        Assert.Equal([1], Delivered());

        Advance(49);
        Assert.Equal([1], Delivered());
        Advance(1);
        Assert.Equal([1, 100], Delivered());
        Advance(1000);
        Assert.Equal([1, 100], Delivered());
    }

    [Fact]
    public void A_flood_of_a_second_is_at_most_twenty_one_samples()
    {
        for (var i = 0; i < 1000; i++)
        {
            Offer(i);
            Advance(1);
        }

        Assert.InRange(_delivered.Count, 19, 21);
    }

    [Fact]
    public void An_urgent_sample_does_not_wait_for_a_periodic_one()
    {
        Offer(1);
        Offer(2);
        Offer(3, SampleReason.LowMemory);

        Assert.Equal([1, 3], Delivered());
        Advance(1000);
        Assert.Equal([1, 3], Delivered());
    }

    [Fact]
    public void A_guest_that_calls_everything_urgent_is_bounded_too()
    {
        for (var i = 0; i < 1000; i++)
        {
            Offer(i, SampleReason.Stall);
            Advance(1);
        }

        Assert.InRange(_delivered.Count, 19, 21);
    }

    [Fact]
    public void The_reason_of_an_urgent_sample_outlives_its_figures()
    {
        Offer(1, SampleReason.LowMemory);
        Offer(2, SampleReason.Stall);
        Offer(3);
        Advance(50);

        Assert.Equal([1, 3], Delivered());
        Assert.Equal(SampleReason.Stall, _delivered[1].Reason);
    }

    [Fact]
    public void What_waits_can_be_had_at_once()
    {
        Offer(1);
        Offer(2);
        _pacer.Flush();
        _pacer.Flush();

        Assert.Equal([1, 2], Delivered());
    }

    [Fact]
    public async Task Nothing_comes_after_the_end()
    {
        Offer(1);
        Offer(2);
        await _pacer.DisposeAsync();
        Advance(1000);
        Offer(3);

        Assert.Equal([1], Delivered());
    }

    private void Advance(int milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    private IEnumerable<long> Delivered() => _delivered.Select(s => s.Refaults);

    private void Offer(long number, SampleReason reason = SampleReason.Periodic) => _pacer.Offer(new GuestSample
    {
        At = Clocks.MomentOf(_time),
        Source = SampleSource.Agent,
        MemTotal = MemorySize.FromMiB(256),
        MemFree = MemorySize.Zero,
        MemAvailable = MemorySize.Zero,
        Refaults = number,
        Reason = reason,
    });
}
