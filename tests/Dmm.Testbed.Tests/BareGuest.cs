using System.Diagnostics;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;

namespace Dmm.Testbed.Tests;

/// <summary>
/// A real guest that the driver alone controls, with its own kernel command line: it shows the facts on which DMM's state machine relies,
/// without that machine. Observations are kept as they come; waits look at the newest.
/// </summary>
public sealed class BareGuest : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    private readonly TestbedFolder _folder = new();
    private readonly CancellationTokenSource _late = new(TimeSpan.FromMinutes(6));
    private readonly QemuHypervisor _hypervisor;
    private readonly Lock _gate = new();
    private readonly List<VmObservation> _seen = [];
    private VmHandle? _handle;
    private IVirtualMachine? _vm;
    private LoadClient? _load;

    /// <summary>
    /// The kernel options of users' guests, and those that save an emulated guest a quarter of its boot: no messages on a serial line, no
    /// security modules, no self-tests of ciphers (Documentation/admin-guide/kernel-parameters.txt).
    /// </summary>
    public const string Append = QemuSettings.ShippedAppend + " quiet lsm= cryptomgr.notests";

    /// <summary>The same options, except how new memory goes online: for guests that set that themselves.</summary>
    public static string Usual { get; } = string.Join(' ', Append.Split(' ').Where(word =>
        !word.StartsWith("memhp_default_state=", StringComparison.Ordinal)
        && !word.StartsWith("memory_hotplug.online_policy=", StringComparison.Ordinal)
        && !word.StartsWith("memory_hotplug.auto_movable_ratio=", StringComparison.Ordinal)));

    private BareGuest() => _hypervisor = new QemuHypervisor(
        new() { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, TimeProvider.System);

    public IVirtualMachine Vm => _vm!;

    public LoadClient Load => _load!;

    public CancellationToken Late => _late.Token;

    /// <summary>The pid of QEMU's process.</summary>
    public int Pid => _handle!.Pid!.Value;

    public VmSizes Sizes => Seen<VmObservation.Sizes>()[^1].Value;

    /// <param name="policy">Kernel options in addition to the usual ones; null: new memory goes online as in users' guests.</param>
    public static async Task<BareGuest> LaunchAsync(string? policy = null)
    {
        var image = await GuestImage.EnsureAsync(_ => { }, CancellationToken.None);
        var guest = new BareGuest();
        var spec = new VmSpec
        {
            Id = VmId.Parse("bare"),
            Policy = new(Mi(128), Mi(2048)),
            Boot = Mi(256),
            Medium = new BootMedium.KernelBoot(image.Kernel, image.Initrd, policy is null ? Append : $"{Usual} {policy}"),
            Channels = [new(LoadClient.Port, guest._folder.In("load"))],
        };
        return await guest.BeginAsync(() => guest._hypervisor.LaunchAsync(spec, guest.Late));
    }

    /// <summary>
    /// Tests a fact about a guest that has no memory for the metadata of what it is given. While it tries, it uses its last pages, and a
    /// program that allocates then triggers the OOM killer: seen in 2 of 75 guests on a busy machine (where the console was looked at,
    /// the program was the agent, which read a file, or the kernel, which began a thread). With the load gone the guest has memory for
    /// the metadata, so another guest has to show the fact.
    /// </summary>
    /// <param name="fact">Returns false if the OOM killer acted: <see cref="WasKilledAsync"/>.</param>
    public static async Task UnlessKilledAsync(Func<Task<BareGuest>> launch, Func<BareGuest, Task<bool>> fact)
    {
        const int Guests = 4;
        for (var tried = 0; tried < Guests; tried++)
        {
            await using var guest = await launch();
            if (await fact(guest))
                return;
        }

        Assert.Fail($"the OOM killer came in each of {Guests} guests");
    }

    /// <summary>A VM that somebody else started, without a virtio-mem device.</summary>
    /// <param name="memory">QEMU's <c>-m</c>.</param>
    public static async Task<BareGuest> AdoptAsync(string memory, string policy)
    {
        var image = await GuestImage.EnsureAsync(_ => { }, CancellationToken.None);
        var guest = new BareGuest();
        var socket = guest._folder.In("foreign.qmp");
        return await guest.BeginAsync(async () =>
        {
            using var qemu = guest._folder.Start(() =>
            {
                var started = Process.Start("qemu-system-x86_64",
                [
                    "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", memory, "-nodefaults", "-display", "none",
                    "-kernel", image.Kernel, "-initrd", image.Initrd, "-append", $"{Usual} {policy}",
                    "-device", "virtio-balloon-pci,deflate-on-oom=on", "-device", "virtio-serial-pci",
                    "-chardev", $"socket,id=ga,path={guest._folder.In("agent")},server=on,wait=off", "-device",
                    "virtserialport,chardev=ga,name=org.dmm.guest.0",
                    "-chardev", $"socket,id=load,path={guest._folder.In("load")},server=on,wait=off", "-device",
                    $"virtserialport,chardev=load,name={LoadClient.Port}",
                    "-qmp", $"unix:{socket},server=on,wait=off",
                ]);
                return (started, started.Id);
            });
            await Wait.UntilAsync("QEMU listens", () => Task.FromResult(File.Exists(socket)), Deadline, guest.Late);
            return await guest._hypervisor.InspectAsync(VmId.Parse("bare"), socket, guest.Late);
        });
    }

    public static MemorySize Mi(long mib) => MemorySize.FromMiB(mib);

    public IReadOnlyList<T> Seen<T>()
        where T : VmObservation
    {
        lock (_gate)
            return [.. _seen.OfType<T>()];
    }

    /// <summary>The number of observations so far: a mark for <see cref="SizesSince"/>.</summary>
    public int Mark()
    {
        lock (_gate)
            return _seen.Count;
    }

    public IReadOnlyList<VmSizes> SizesSince(int mark)
    {
        lock (_gate)
            return [.. _seen.Skip(mark).OfType<VmObservation.Sizes>().Select(s => s.Value)];
    }

    public Task PlugAsync(long mib) => Vm.SetPluggedAsync(Mi(mib), Late);

    public Task BalloonAsync(long mib) => Vm.SetBalloonedAsync(Mi(mib), Late);

    public async Task<VmSizes> UntilAsync(string what, Func<VmSizes, bool> @is, TimeSpan? deadline = null)
    {
        var sizes = Sizes;
        await Wait.UntilAsync(
            what, () => Task.FromResult(@is(sizes = Sizes)), deadline ?? Deadline, Late,
            () => $"sizes are {Sizes}, the guest has {Load.Last?.MemTotal}");
        return sizes;
    }

    /// <summary>
    /// Waits until a plug into a guest without free memory has been tried and has failed, or the OOM killer has acted
    /// (<see cref="UnlessKilledAsync"/>).
    /// </summary>
    /// <param name="mark">The mark from before the plug.</param>
    public Task UntilGivenUpAsync(int mark) => Wait.UntilAsync("it has been tried and given up", () =>
    {
        var since = SizesSince(mark);
        return Task.FromResult((since.Any(s => !s.Plugged.IsZero) && since[^1].Plugged.IsZero) || Load.Last!.OomKills > 0);
    }, Deadline, Late, () => $"sizes are {Sizes}, the guest has {Load.Last?.MemTotal}");

    public Task<LoadReport> UntilGuestAsync(string what, Func<LoadReport, bool> @is, TimeSpan? deadline = null) =>
        Load.WaitForAsync(what, @is, deadline ?? Deadline, Late);

    /// <summary>Whether the OOM killer has acted, according to a new report.</summary>
    public async Task<bool> WasKilledAsync() => (await ReportAsync(Load, Late)).OomKills > 0 || Load.Deaths > 0;

    /// <summary>
    /// Waits until the load has reported its end: the OOM killer chose the load. The load reports that after it has been started again,
    /// which may be later than its guest's first report of the kill.
    /// </summary>
    public Task UntilLoadDiedAsync() =>
        Wait.UntilAsync("the load was what the OOM killer took", () => Task.FromResult(Load.Deaths > 0), Deadline, Late);

    /// <summary>Returns the sizes once nothing has moved for a while.</summary>
    public async Task<VmSizes> AtRestAsync(TimeSpan rest)
    {
        var (last, since) = (Sizes, Stopwatch.StartNew());
        await Wait.UntilAsync("sizes are at rest", () =>
        {
            if (Sizes != last)
                (last, since) = (Sizes, Stopwatch.StartNew());
            return Task.FromResult(since.Elapsed >= rest);
        }, Deadline, Late);
        return last;
    }

    public Task FillAsync(long leaveMiB) => FillAsync(Load, Mi(leaveMiB), Late);

    /// <summary>
    /// Lets the load take memory until about this much is free. It goes slower towards the end: page tables of the load count too, and a
    /// step too far triggers the guest's OOM killer.
    /// </summary>
    public static async Task FillAsync(LoadClient load, MemorySize leave, CancellationToken late)
    {
        var held = MemorySize.Zero;
        for (var round = 0; round < 24; round++)
        {
            var free = MemorySize.FromKiB((await ReportAsync(load, late)).MemFreeKib);
            var above = free.MinusOrZero(leave);
            if (above < MemorySize.FromKiB(768))
                return;
            held += above > Mi(16) ? above - Mi(12) : above.Scale(0.5);
            await load.HoldAsync(held, Mi(100), late);
            await load.WaitForAsync(
                "it holds", r => r.WantKib == held.Bytes >> 10 && r.Held + MemorySize.FromKiB(64) >= held, Deadline, late);
        }

        throw new TestbedException($"the guest did not get down to {leave} free: {load.Last}");
    }

    private static async Task<LoadReport> ReportAsync(LoadClient load, CancellationToken late)
    {
        var seq = load.Last!.Seq;
        await load.ReportAsync(late);
        return await load.WaitForAsync("a new report", r => r.Seq > seq, Deadline, late);
    }

    /// <summary>Connects anew, as if the daemon died and the next one took over the VM.</summary>
    public async Task ReconnectAsync()
    {
        await _vm!.DisposeAsync();
        lock (_gate)
            _seen.Clear();
        _vm = await _hypervisor.ConnectAsync(_handle!, Observe, Late);
    }

    public async ValueTask DisposeAsync()
    {
        if (_load is not null)
            await _load.DisposeAsync();
        if (_vm is not null)
            await _vm.DisposeAsync();
        _folder.Dispose();
        _late.Dispose();
    }

    private async Task<BareGuest> BeginAsync(Func<Task<VmHandle>> start)
    {
        try
        {
            _handle = await start();
            _vm = await _hypervisor.ConnectAsync(_handle, Observe, Late);
            _load = await LoadClient.ConnectAsync("bare", _folder.In("load"), Late);
            await Wait.UntilAsync("the agent reports", () => Task.FromResult(Seen<VmObservation.Sample>().Count > 0), Deadline, Late);
            await _load.ReportAsync(Late);
            await UntilGuestAsync("its first report", _ => true);
            return this;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private void Observe(VmObservation observation)
    {
        lock (_gate)
            _seen.Add(observation);
    }
}
