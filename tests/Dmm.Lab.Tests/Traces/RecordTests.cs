using Dmm.Contracts;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Tests.Traces;

public sealed class RecordTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-record-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_recorded_is_a_trace_that_the_lab_reads()
    {
        var vm = new VmView
        {
            Id = "web",
            State = "settled",
            BaseBytes = 1000 << 20,
            PluggedBytes = 0,
            BalloonedBytes = 0,
            ActualBytes = 1000 << 20,
            GrantedBytes = 1000 << 20,
            TargetBytes = 1000 << 20,
            MinBytes = 100 << 20,
            MaxBytes = 2000L << 20,
            StaticMaxBytes = 2000L << 20,
            Shares = 1000,
            OverheadBytes = 0,
            Agent = "agent",
            Hypervisor = "qemu",
            Adopted = false,
            Warnings = [],
            Guest = new() { MemAvailableBytes = 300 << 20, SwapUsedBytes = 50 << 20 },
        };
        var start = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
        RecordCommand.Append(_folder, [vm, vm with { Id = "mute", Guest = null }], start);
        RecordCommand.Append(_folder, [vm with { Guest = new() { MemAvailableBytes = 400 << 20 } }], start.AddMinutes(1));
        var trace = Assert.Single(new TraceReader(strict: true).Read([_folder], default).Vms);
        Assert.Equal("web", trace.Name);
        Assert.Equal([0, 60], trace.Seconds);
        Assert.Equal([750u << 10, 600u << 10], trace.UsedKib);
        Assert.Equal(2000L << 20, trace.Max.Bytes);
    }
}
