using Dmm.Benchmarks.Admission;

namespace Dmm.Benchmarks.Tests;

public sealed class AdmissionTests
{
    [Fact]
    public void Situations_are_told_apart_and_a_VM_that_never_ran_is_the_slowest()
    {
        var figures = CreationFigures.Of(
        [
            Made(Host.Full, "squeezed", 500, null), Made(Host.Full, "dmm", 300, 6000), Made(Host.Empty, "dmm", 10, 5000),
            Made(Host.Full, "dmm", 100, 5500), Made(Host.Full, "dmm", null, null),
        ]);
        Assert.Equal([(Host.Empty, "dmm"), (Host.Full, "dmm"), (Host.Full, "squeezed")], figures.Select(f => (f.Host, f.Law)));
        Assert.Equal(
            (300.0, 6000.0, 1), (figures[1].RoomMs.Median!.Value, figures[1].RunningMs.Median!.Value, figures[1].RunningMs.Missing));
        Assert.Null(figures[1].RunningMs.P99);
        Assert.Null(figures[2].RunningMs.Median);
    }

    private static Creation Made(Host host, string law, double? room, double? running) =>
        new(host, law, 1, 0, room, running, running is null ? "no" : null, 1);
}
