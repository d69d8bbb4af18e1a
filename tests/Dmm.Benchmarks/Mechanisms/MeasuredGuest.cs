using System.Diagnostics;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Mechanisms;

/// <summary>
/// A real guest that the driver alone controls, without a daemon. Three sources watch it: the driver (with the time of each of its
/// observations), QEMU without the driver, and the load generator in the guest. All times are those of this process: clocks of host and
/// guest are never compared.
/// </summary>
internal sealed class MeasuredGuest : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    /// <summary>The period at which guest and QEMU are asked during a wait: the resolution of every figure.</summary>
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(10);

    private readonly TestbedFolder _folder = new(endOnSignals: false);
    private readonly QemuHypervisor _hypervisor;
    private readonly CancellationToken _cancellation;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private readonly List<(double At, VmObservation What)> _seen = [];
    private IVirtualMachine? _vm;
    private LoadClient? _load;
    private QemuEye? _eye;

    private MeasuredGuest(CancellationToken cancellation)
    {
        _cancellation = cancellation;
        _hypervisor = new QemuHypervisor(new() { StateDirectory = _folder.Path }, TimeProvider.System);
    }

    public IVirtualMachine Vm => _vm!;

    public LoadClient Load => _load!;

    /// <summary>Milliseconds since the guest was requested.</summary>
    public double Now => _clock.Elapsed.TotalMilliseconds;

    /// <summary>
    /// The kernel command line of a measured guest: the shipped one, so that figures are those of users' guests, and the given options.
    /// </summary>
    public static string Append(string more) => $"{QemuSettings.ShippedAppend} {more}".TrimEnd();

    /// <param name="append">Options in addition to the shipped kernel command line.</param>
    public static async Task<MeasuredGuest> LaunchAsync(MemorySize boot, MemorySize max, string append, CancellationToken cancellation)
    {
        var image = await GuestImage.EnsureAsync(_ => { }, cancellation);
        var guest = new MeasuredGuest(cancellation);
        try
        {
            await guest.BeginAsync(new VmSpec
            {
                Id = VmId.Parse("measured"),
                Policy = new(MemorySize.FromMiB(128), max),
                Boot = boot,
                Medium = new BootMedium.KernelBoot(image.Kernel, image.Initrd, Append(append)),
                Channels = [new(LoadClient.Port, guest._folder.In("load"))],
            });
            return guest;
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>The driver's observations since then, with the time of each.</summary>
    public IReadOnlyList<(double At, T What)> SeenSince<T>(double since)
        where T : VmObservation
    {
        lock (_gate)
            return [.. _seen.Where(s => s.At >= since && s.What is T).Select(s => (s.At, (T)s.What))];
    }

    public Task<QemuSight> LookAsync() => _eye!.LookAsync(_cancellation);

    /// <summary>Asks QEMU until the condition holds.</summary>
    /// <returns>The time at which it did, in milliseconds.</returns>
    public async Task<double> WhenQemuAsync(string what, Func<QemuSight, bool> @is)
    {
        QemuSight? last = null;
        return (await Wait.ForAsync(
            what, async () => @is(last = await LookAsync()) ? new Moment(Now) : null, Deadline, _cancellation, () => $"QEMU shows {last}",
            Grain)).At;
    }

    /// <summary>Asks the guest until the condition holds.</summary>
    /// <returns>The time at which it did, in milliseconds.</returns>
    public async Task<double> WhenGuestAsync(string what, Func<LoadReport, bool> @is, TimeSpan? grain = null) =>
        (await Wait.ForAsync(
            what, async () => @is(await ReportAsync()) ? new Moment(Now) : null, Deadline, _cancellation,
            () => $"the guest says {Load.Last}", grain ?? Grain)).At;

    /// <summary>Asks for a report and returns it.</summary>
    public async Task<LoadReport> ReportAsync()
    {
        var seq = Load.Last?.Seq ?? 0;
        await Load.ReportAsync(_cancellation);
        return await Wait.ForAsync(
            "a report from the guest", () => Task.FromResult(Load.Last is { } last && last.Seq > seq ? last : null), Deadline,
            _cancellation, pause: TimeSpan.FromMilliseconds(1));
    }

    /// <summary>Waits until nothing has moved for a while, according to QEMU.</summary>
    public async Task RestAsync(TimeSpan rest)
    {
        var (last, since) = (await LookAsync(), Now);
        await Wait.UntilAsync("the guest is at rest", async () =>
        {
            var look = await LookAsync();
            if (look != last)
                (last, since) = (look, Now);
            return Now - since >= rest.TotalMilliseconds;
        }, Deadline, _cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_load is not null)
            await _load.DisposeAsync();
        if (_eye is not null)
            await _eye.DisposeAsync();
        if (_vm is not null)
            await _vm.DisposeAsync();
        _folder.Dispose();
    }

    private async Task BeginAsync(VmSpec spec)
    {
        var handle = await _hypervisor.LaunchAsync(spec, _cancellation);
        _vm = await _hypervisor.ConnectAsync(handle, Observe, _cancellation);
        _load = await LoadClient.ConnectAsync("measured", _folder.In("load"), _cancellation);
        _eye = await QemuEye.OpenAsync(
            handle.OperatorSocket ?? throw new TestbedException("the driver names no operator's socket"), _cancellation);
        await Wait.UntilAsync(
            "the agent reports", () => Task.FromResult(SeenSince<VmObservation.Sample>(0).Count > 0), Deadline, _cancellation);
        await Load.ReportAsync(_cancellation);
        await Load.WaitForAsync("its first report", _ => true, Deadline, _cancellation);
    }

    private void Observe(VmObservation observation)
    {
        lock (_gate)
            _seen.Add((Now, observation));
    }

    private sealed record Moment(double At);
}
