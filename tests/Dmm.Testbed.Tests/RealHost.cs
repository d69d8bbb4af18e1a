using Dmm.Contracts;
using Dmm.Core.Memory;
using Dmm.Hypervisors.Qemu;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Dmm.Testbed.Tests;

/// <summary>A daemon with real QEMU guests, for one story. Whatever happens in it, nothing is left running.</summary>
public sealed class RealHost : IAsyncDisposable
{
    /// <summary>Guests are emulated on busy machines: these are bounds for what never comes, not measures of speed.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    private readonly CancellationTokenSource _late = new(TimeSpan.FromMinutes(8));
    private readonly List<IAsyncDisposable> _open = [];

    private RealHost(TestbedDaemon daemon, GuestImage image) => (Daemon, Image) = (daemon, image);

    public TestbedDaemon Daemon { get; }

    public GuestImage Image { get; }

    public DmmClient Client => Daemon.Client;

    public CancellationToken Late => _late.Token;

    public static async Task<RealHost> StartAsync(long memoryMiB, string more = "")
    {
        var image = await GuestImage.EnsureAsync(_ => { }, CancellationToken.None);
        var host = new RealHost(new(new() { HostMemory = MemorySize.FromMiB(memoryMiB), Cushion = MemorySize.FromMiB(16), More = more }), image);
        try
        {
            await host.Daemon.StartAsync(host.Late);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public static long MiB(long mib) => mib << 20;

    public CreateVmRequest Request(string name, long min = 128, long boot = 256, long max = 2048) => new()
    {
        Name = name,
        MinBytes = MiB(min),
        BootBytes = MiB(boot),
        MaxBytes = MiB(max),
        Kernel = Image.Kernel,
        Initrd = Image.Initrd,
        Channels = [new(LoadClient.Port, Daemon.Folder.In($"{name}.load"))],
    };

    /// <summary>Creates a VM and waits until its guest speaks.</summary>
    public async Task<Guest> CreateAsync(CreateVmRequest request)
    {
        await Client.CreateAsync(request, Late);
        return await MeetAsync(request.Name);
    }

    /// <summary>Waits until a VM that was asked for is up, and takes hold of it from both sides.</summary>
    public async Task<Guest> MeetAsync(string name)
    {
        var vm = await Client.WaitForVmAsync(name, "it is up", v => v is { State: "settled", Guest.MemTotalBytes: not null }, Deadline, Late);
        var load = await LoadClient.ConnectAsync(name, Daemon.Folder.In($"{name}.load"), Late);
        var eye = await QemuEye.OpenAsync(vm.OperatorQmp!, Late);
        _open.AddRange([load, eye]);
        await load.ReportAsync(Late);
        await load.WaitForAsync("its first report", _ => true, Deadline, Late);
        return new(name, vm.Pid!.Value, load, eye);
    }

    public Task<VmView> UntilAsync(string name, string what, Func<VmView, bool> condition) => Client.WaitForVmAsync(name, what, condition, Deadline, Late);

    public Task UntilGoneAsync(string name) => Wait.UntilAsync(
        $"{name} is gone", async () => !(await Client.VmsAsync(Late)).Any(vm => vm.Id == name), Deadline, Late);

    public static bool Runs(int pid) => HostProcess.Find(pid) is { } process && process.IsAlive();

    public async ValueTask DisposeAsync()
    {
        foreach (var open in _open)
            await open.DisposeAsync();
        await Daemon.DisposeAsync();
        _late.Dispose();
    }

    /// <param name="Load">Speaks for the guest.</param>
    /// <param name="Eye">Sees what QEMU gave it.</param>
    public sealed record Guest(string Name, int Pid, LoadClient Load, QemuEye Eye);
}
