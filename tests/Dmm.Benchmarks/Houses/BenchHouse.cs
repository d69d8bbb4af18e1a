using Dmm.Contracts;
using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Houses;

/// <param name="Boot">The memory that it boots with: its max if a law under test can only use balloons.</param>
internal sealed record GuestPlan(string Name, MemorySize Min, MemorySize Boot, MemorySize Max);

/// <summary>
/// A daemon and guests that live through several runs: the daemon is stopped and started again under the next law, and finds its guests
/// again. Between runs an operator's order, which overrides every law, holds each guest at a size, so that each law begins with the same
/// state.
/// </summary>
internal sealed class BenchHouse(CancellationToken cancellation) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);
    private static readonly MemorySize Near = MemorySize.FromMiB(12);

    /// <summary>The host's memory while guests are placed: enough for all of them.</summary>
    private static readonly MemorySize Plenty = MemorySize.FromGiB(12);

    /// <summary>
    /// A translation cache that is full as soon as a guest has booted: then a guest's overhead, and so the memory that is left for
    /// guests, is the same for all laws.
    /// </summary>
    private const string SmallCache = "qemu.tb-size = 32MiB";

    private readonly TestbedDaemon _daemon = new(new() { HostMemory = Plenty, More = SmallCache }, endOnSignals: false);
    private readonly List<BenchGuest> _guests = [];
    private MemorySize _overhead;

    public IReadOnlyList<BenchGuest> Guests => _guests;

    public DmmClient Client => _daemon.Client;

    /// <summary>The overhead of all guests together, as last measured.</summary>
    public MemorySize Overhead => _overhead;

    /// <summary>
    /// Starts and ends guests while there is memory for all, and leaves each guest at <paramref name="start"/>; the daemon has ended
    /// afterwards.
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

    /// <summary>Starts the daemon under this law.</summary>
    /// <param name="memory">The memory for the guests together; the host has their overhead in addition.</param>
    /// <param name="start">The memory that each guest was left with.</param>
    /// <param name="part">Each guest's max if it has a fixed part of the host; null: its own.</param>
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

    /// <summary>Puts everything back to where the next run begins, and stops the daemon.</summary>
    /// <returns>The memory that the ledger had for guests.</returns>
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
