using System.Text;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Fuzz.Targets;

/// <summary>
/// What QEMU says: lines, messages, and what the driver reads from them. Live, the driver connects to a QEMU that answers each command
/// with the next line of the input, and then works with it. Only a <see cref="HypervisorException"/> is thrown, and no loop of the driver
/// ends in any other way.
/// </summary>
internal sealed class QmpTarget : IFuzzTarget
{
    private const int MaxLine = 64 << 10;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);
    private static readonly MemorySize Limit = MemorySize.FromGiB(64);

    private static readonly byte[][] Samples = [.. LyingQemu.Lines.Select(Encoding.UTF8.GetBytes)];

    private static readonly Mutator Mutator = new(
        Samples,
        [
            .. new[]
            {
                "\"return\": ", "\"id\": @", "\"event\": \"STOP\", ", "\"data\": {", "\"size\": 1125899906842624", "child<",
                "\"type\": \"dimm\"",
            }.Select(Encoding.UTF8.GetBytes),
        ]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dmm-fuzz-");
    private readonly RunStateWatch _runState = new(null!, TimeProvider.System, (_, _) => { });
    private int _connections;

    public int LiveEvery => 128;

    public byte[] Make(SeededRandom random)
    {
        var all = new List<byte>();
        for (var (i, lines) = (0, random.OneIn(2) ? 1 : random.Between(2, Samples.Length)); i < lines; i++)
        {
            // In the order in which the driver asks, so that it understands most of what it is told.
            var sample = lines > 1 && !random.OneIn(8) ? Samples[i] : random.Of<byte[]>(Samples);
            all.AddRange(lines > 1 && !random.OneIn(4) ? sample : Mutator.Mutate(random, sample));
            all.Add((byte)'\n');
        }

        return [.. all];
    }

    /// <summary>An answer that lacks something costs an exception that quotes it, here one for each of its readers.</summary>
    public long MostAllocated(byte[] input) => (128 << 10) + (128L * input.Length) + ((32L << 10) * input.AsSpan().Count((byte)'\n'));

    public async Task<string?> TryAsync(byte[] input, bool live)
    {
        await using var lines = new LineReader(new MemoryStream(LyingQemu.Numbered(input, 1)), MaxLine);
        while (await lines.ReadAsync(CancellationToken.None) is { Kind: not WireLineKind.End } line)
        {
            if (line.Kind == WireLineKind.Line && FaultOf(line.Text) is { } fault)
                return fault;
        }

        return live ? await DriveAsync(input) : null;
    }

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private string? FaultOf(byte[] line)
    {
        var message = QmpMessage.Parse(line);
        var name = QmpMessage.EventNameOf(line);
        if (name is not null && (message is not QmpMessage.Happened happened || happened.Value.Name != name))
            return $"was taken for an event {name}, and is {message}";
        switch (message)
        {
            case QmpMessage.Happened e:
                _runState.Hear(e.Value);
                break;
            case QmpMessage.Returned { Value: var value }:
                Refusable(() => MemoryDeviceState.ParseAll(value));
                Refusable(() => MemoryRoom.Of(value, value));
                Refusable(() => RunStateWatch.Read(value));
                Refusable(() => BalloonStatistics.Read(QmpJson.MemberOf(value, "stats"), Moment.Origin, Limit));
                break;
            case QmpMessage.Surprise surprise when surprise.What.Any(char.IsControl):
                return $"is told as a text that is no line: {surprise.What}";
        }

        return null;
    }

    private static void Refusable(Func<object?> read)
    {
        try
        {
            read();
        }
        catch (HypervisorException)
        {
            // What a caller expects of a QEMU that says something else.
            return;
        }
    }

    private async Task<string?> DriveAsync(byte[] input)
    {
        var log = new List<string>();
        await using var qemu = new LyingQemu(Path.Combine(_folder.FullName, $"q{++_connections}"), input);
        var driver = new QemuHypervisor(
            new QemuSettings { StateDirectory = _folder.FullName, Accel = QemuAccel.Tcg, CommandDeadline = TimeSpan.FromSeconds(20) },
            new FastTime(), Log);
        var handle = new VmHandle(
            VmId.Parse("fuzzed"), QemuHypervisor.DriverName, MemorySize.FromMiB(256), qemu.Path, null, null, null, Owned: false);
        var living = LiveAsync(driver, handle, qemu);
        if (await Task.WhenAny(living, Task.Delay(Patience, CancellationToken.None)) != living)
            return "left the driver waiting without a deadline";
        if (await living is { } fault)
            return fault;
        lock (log)
            return log.Find(static line =>
                line.Contains(" failed: ", StringComparison.Ordinal) || line.Contains("observer failed", StringComparison.Ordinal));

        void Log(string line)
        {
            lock (log)
                log.Add(line);
        }
    }

    private static async Task<string?> LiveAsync(QemuHypervisor driver, VmHandle handle, LyingQemu qemu)
    {
        string? fault = null;
        try
        {
            await using var vm = await driver.ConnectAsync(handle, Observe, CancellationToken.None);
            await qemu.TellEventsAsync();
            await CallAsync(() => vm.ReadSizesAsync(CancellationToken.None));
            await CallAsync(() => vm.SetPluggedAsync(MemorySize.FromMiB(512), CancellationToken.None));
            await CallAsync(() => vm.SetBalloonedAsync(MemorySize.FromMiB(64), CancellationToken.None));
            await CallAsync(() => vm.ExtendAsync(MemorySize.FromGiB(32), CancellationToken.None));
            await CallAsync(() => vm.MeasureAsync(CancellationToken.None));
        }
        catch (HypervisorException)
        {
            // Nothing that speaks QMP as QEMU does is there.
            return fault;
        }

        return fault;

        void Observe(VmObservation observation)
        {
            if (observation is VmObservation.Sizes { Value: var sizes } && sizes.Actual > MemorySize.MostThereIs + MemorySize.MostThereIs)
                fault = $"passed on {sizes}";
        }

        static async Task CallAsync(Func<Task> call)
        {
            try
            {
                await call();
            }
            catch (HypervisorException)
            {
                // A call may be refused, come too late, or find the connection at its end.
                return;
            }
        }
    }
}
