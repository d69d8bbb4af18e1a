using Dmm.Contracts;
using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Houses;

/// <param name="Boot">What it boots with: its max where it is to meet a law that knows balloons alone.</param>
internal sealed record GuestPlan(string Name, MemorySize Min, MemorySize Boot, MemorySize Max);

/// <summary>
/// A daemon and guests that live through several runs: the daemon is stopped and started again under the next law, and takes up its guests.
/// Between runs each guest is held at a size by an operator's order, which stands above every law, so that each law begins with the same.
/// </summary>
internal sealed class BenchHouse(CancellationToken cancellation) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);
    private static readonly MemorySize Near = MemorySize.FromMiB(12);

    /// <summary>While guests are put in place there is enough for all of them.</summary>
    private static readonly MemorySize Plenty = MemorySize.FromGiB(12);

    /// <summary>
    /// Full as soon as a guest has booted: what a guest costs beside its memory, and with it what is left for guests, then stays the same
    /// for all laws.
    /// </summary>
    private const string SmallCache = "qemu.tb-size = 32MiB";

    private readonly TestbedDaemon _daemon = new(new() { HostMemory = Plenty, More = SmallCache }, endOnSignals: false);
    private readonly List<BenchGuest> _guests = [];
    private MemorySize _overhead;

    public IReadOnlyList<BenchGuest> Guests => _guests;

    public DmmClient Client => _daemon.Client;

    /// <summary>What the guests cost beside their memory, as measured last.</summary>
    public MemorySize Overhead => _overhead;

    /// <summary>
    /// Changes who lives here while there is memory for all, and leaves everybody at <paramref name="start"/>; the daemon has ended then.
    /// </summary>
    public async Task MoveInAsync(IReadOnlyList<GuestPlan> come, IReadOnlyList<string> go, MemorySize start)
    {
        var image = await GuestImage.EnsureAsync(_ => { }, cancellation);
        _daemon.Configure(new() { HostMemory = Plenty, More = SmallCache });
        await _daemon.StartAsync(cancellation);
        foreach (var name in go)
            await LeaveAsync(name);
        foreach (var plan in come)
            await Client.CreateAsync(Request(plan, image), cancellation);
        foreach (var plan in come)
        {
            var vm = await Client.WaitForVmAsync(
                plan.Name, "it is up", v => v is { State: "settled", Guest.MemTotalBytes: not null }, Deadline, cancellation);
            _guests.Add(await BenchGuest.MeetAsync(vm, plan, LoadSocket(plan.Name), cancellation));
        }

        await MeasureAsync();
        await StopAtAsync(start);
    }

    /// <summary>The daemon governs under this law from here on.</summary>
    /// <param name="memory">For the guests together; the host has what they cost beside it, too.</param>
    /// <param name="start">What each guest was left with.</param>
    /// <param name="part">Each guest's max where it has a fixed part of the host; null: its own.</param>
    public async Task BeginAsync(string policy, MemorySize memory, MemorySize start, MemorySize? part = null)
    {
        _daemon.Configure(new() { HostMemory = memory + _overhead, More = $"{SmallCache}\npolicy = {policy}" });
        await _daemon.StartAsync(cancellation);
        foreach (var guest in _guests)
            await Client.SetAsync(guest.Name, new(guest.Plan.Min.Bytes, (part ?? guest.Plan.Max).Bytes, null), cancellation);
        foreach (var guest in _guests)
            await IsAtAsync(guest.Name, start);
        foreach (var guest in _guests)
            await Client.ResizeAsync(guest.Name, null, cancellation);
    }

    /// <summary>Everything is put back to where the next run begins, and the daemon ends.</summary>
    /// <returns>What the ledger had for guests.</returns>
    public async Task<MemorySize> EndAsync(MemorySize start)
    {
        var host = await Client.HostAsync(cancellation);
        await MeasureAsync();
        var guests = new MemorySize(host.MemoryBytes - host.ReserveBytes).MinusOrZero(_overhead);
        await StopAtAsync(start);
        return guests;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var guest in _guests)
            await guest.DisposeAsync();
        await _daemon.DisposeAsync();
    }

    private async Task LeaveAsync(string name)
    {
        var guest = _guests.First(g => g.Name == name);
        _guests.Remove(guest);
        await guest.DisposeAsync();
        await Client.StopAsync(name, TimeSpan.Zero, cancellation, kill: true);
        await Wait.UntilAsync(
            $"{name} is gone", async () => !(await Client.VmsAsync(cancellation)).Any(vm => vm.Id == name), Deadline, cancellation);
    }

    private async Task StopAtAsync(MemorySize start)
    {
        foreach (var guest in _guests)
        {
            await guest.Load.RestAsync(cancellation);
            await guest.Load.FreeAsync(cancellation);
            await Client.ResizeAsync(guest.Name, start.Bytes, cancellation);
        }

        foreach (var guest in _guests)
            await IsAtAsync(guest.Name, start);
        await _daemon.StopAsync();
    }

    private Task<VmView> IsAtAsync(string name, MemorySize size) => Client.WaitForVmAsync(
        name, $"it has about {size}", v => Math.Abs(v.ActualBytes - size.Bytes) <= Near.Bytes, Deadline, cancellation);

    private async Task MeasureAsync() => _overhead = new((await Client.VmsAsync(cancellation)).Sum(vm => vm.OverheadBytes));

    private CreateVmRequest Request(GuestPlan plan, GuestImage image) => new()
    {
        Name = plan.Name,
        MinBytes = plan.Min.Bytes,
        BootBytes = plan.Boot.Bytes,
        MaxBytes = plan.Max.Bytes,
        Kernel = image.Kernel,
        Initrd = image.Initrd,
        Append = BenchGuest.Append,
        Channels = [new(LoadClient.Port, LoadSocket(plan.Name))],
    };

    private string LoadSocket(string name) => _daemon.Folder.In($"{name}.load");
}
