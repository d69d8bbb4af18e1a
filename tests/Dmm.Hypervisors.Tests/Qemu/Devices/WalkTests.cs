using Dmm.Core;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>Measures this test's own process in the place of a QEMU.</summary>
public sealed class WalkTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_large_process_keeps_its_last_overhead_between_walks_and_always_tells_what_it_holds()
    {
        await using var qemu = new FakeQemu(_folder.In("q")) { MemoryAddress = 0x1000 };
        await using var qmp = await QmpClient.ConnectAsync(_folder.In("q"), new(), TimeProvider.System, default).InTime();
        var cost = new QemuCost(qmp, MemorySize.FromMiB(1), Environment.ProcessId, null, _time, large: MemorySize.Zero);

        var first = (await cost.MeasureAsync(default).InTime())!;
        for (var i = 0; i < 5; i++)
        {
            var again = (await cost.MeasureAsync(default).InTime())!;
            Assert.Equal(first.Overhead, again.Overhead);
            Assert.True(again.Resident > MemorySize.FromMiB(10), $"{again}");
        }

        Assert.Equal(1, cost.Walks);
        _time.Advance(WalkSchedule.FirstGap * 1.25);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => cost.MeasureAsync(default))).InTime();
        Assert.Equal(2, cost.Walks);
    }

    [Fact]
    public async Task A_small_process_is_walked_each_time()
    {
        await using var qemu = new FakeQemu(_folder.In("q")) { MemoryAddress = 0x1000 };
        await using var qmp = await QmpClient.ConnectAsync(_folder.In("q"), new(), TimeProvider.System, default).InTime();
        var cost = new QemuCost(qmp, MemorySize.FromMiB(1), Environment.ProcessId, null, _time, large: MemorySize.FromGiB(1024));
        await cost.MeasureAsync(default).InTime();
        await cost.MeasureAsync(default).InTime();
        Assert.Equal(2, cost.Walks);
    }
}
