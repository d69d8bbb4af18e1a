using Dmm.Contracts;
using Dmm.Hypervisors.Qemu;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Houses;

/// <summary>A guest that runs as long as its house, and its load.</summary>
internal sealed class BenchGuest : IAsyncDisposable
{
    /// <summary>Compressed swap, so that a shortage shows as slowness and not as the death of the load.</summary>
    public const string Swap = "dmm.zram=512M";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private BenchGuest(GuestPlan plan, LoadClient load) => (Plan, Load) = (plan, load);

    /// <summary>The kernel command line of users' guests, and swap.</summary>
    public static string Append => $"{QemuSettings.ShippedAppend} {Swap}";

    public GuestPlan Plan { get; }

    public string Name => Plan.Name;

    public LoadClient Load { get; }

    public static async Task<BenchGuest> MeetAsync(VmView vm, GuestPlan plan, string socket, CancellationToken cancellation)
    {
        var load = await LoadClient.ConnectAsync(vm.Id, socket, cancellation);
        await load.ReportAsync(cancellation);
        await load.WaitForAsync("its first report", _ => true, Deadline, cancellation);
        return new(plan, load);
    }

    /// <summary>Asks for a report and returns it. A guest that thrashes may take a while.</summary>
    public async Task<LoadReport> ReportAsync(CancellationToken cancellation)
    {
        var seq = Load.Last?.Seq ?? 0;
        await Load.ReportAsync(cancellation);
        return await Wait.ForAsync(
            $"{Name}: a report", () => Task.FromResult(Load.Last is { } last && last.Seq > seq ? last : null), Deadline, cancellation,
            pause: TimeSpan.FromMilliseconds(2));
    }

    public ValueTask DisposeAsync() => Load.DisposeAsync();
}
