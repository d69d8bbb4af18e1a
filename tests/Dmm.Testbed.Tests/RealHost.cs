using System.Diagnostics;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Hypervisors.Qemu;

// Most of a test's time is waiting for one emulated processor: two tests run at a time, on any machine.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]

namespace Dmm.Testbed.Tests;

/// <summary>A daemon with real QEMU guests, for one test. Whatever happens in it, nothing is left running.</summary>
public sealed class RealHost : IAsyncDisposable
{
    /// <summary>Guests are emulated on busy machines: these deadlines catch events that never come, they do not measure speed.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    /// <summary>
    /// The growth per second of a load without swap. A load that grows beyond its memory is a race between an emulated guest and its
    /// host, whose speed is measured (<c>make bench PART=live</c>) and not asserted.
    /// </summary>
    public static readonly MemorySize Pace = MemorySize.FromMiB(20);

    private readonly CancellationTokenSource _late;
    private readonly List<IAsyncDisposable> _open = [];

    private RealHost(TestbedDaemon daemon, GuestImage image, TimeSpan limit) => (Daemon, Image, _late) = (daemon, image, new(limit));

    public TestbedDaemon Daemon { get; }

    public GuestImage Image { get; }

    public DmmClient Client => Daemon.Client;

    public CancellationToken Late => _late.Token;

    /// <param name="environment">Environment variables of the daemon.</param>
    public static async Task<RealHost> StartAsync(
        long memoryMiB, string more = "", TimeSpan? limit = null, IReadOnlyDictionary<string, string>? environment = null,
        long cushionMiB = 16)
    {
        var image = await GuestImage.EnsureAsync(_ => { }, CancellationToken.None);
        var host = new RealHost(
            new(new() { HostMemory = MemorySize.FromMiB(memoryMiB), Cushion = MemorySize.FromMiB(cushionMiB), More = more }), image, limit
            ?? TimeSpan.FromMinutes(8));
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            host.Daemon.Environment[name] = value;
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
        Append = BareGuest.Append,
        Channels = [new(LoadClient.Port, Daemon.Folder.In($"{name}.load"))],
    };

    /// <summary>Creates a VM and waits until its guest is heard.</summary>
    public async Task<Guest> CreateAsync(CreateVmRequest request)
    {
        await Client.CreateAsync(request, Late);
        return await MeetAsync(request.Name);
    }

    /// <summary>Waits until a requested VM is up, and connects to both its load and QEMU.</summary>
    public async Task<Guest> MeetAsync(string name)
    {
        var vm = await Client.WaitForVmAsync(
            name, "it is up", v => v is { State: "settled", Guest.MemTotalBytes: not null }, Deadline, Late);
        var load = await LoadClient.ConnectAsync(name, Daemon.Folder.In($"{name}.load"), Late);
        var eye = await QemuEye.OpenAsync(vm.OperatorQmp!, Late);
        _open.AddRange([load, eye]);
        await load.ReportAsync(Late);
        await load.WaitForAsync("its first report", _ => true, Deadline, Late);
        return new(name, vm.Pid!.Value, load, eye);
    }

    public Task<VmView> UntilAsync(string name, string what, Func<VmView, bool> condition) =>
        Client.WaitForVmAsync(name, what, condition, Deadline, Late);

    /// <summary>
    /// The VM stands at that size, and its grant has followed: a promise is lowered only after the guest's giving is confirmed.
    /// </summary>
    public static bool Arrived(VmView vm, long mib) =>
        vm is { State: "settled" } && Math.Abs(vm.ActualBytes - MiB(mib)) <= MiB(2) && Math.Abs(vm.GrantedBytes - vm.ActualBytes) <= MiB(2);

    /// <summary>
    /// Like <see cref="UntilAsync"/>, but also waits for a moment at which QEMU shows the size that the daemon reports: a VM that has
    /// settled may still save up its spark, so that two looks at it differ.
    /// </summary>
    public async Task<(VmView Vm, QemuSight Sight)> UntilAgreedAsync(Guest guest, string what, Func<VmView, bool> condition)
    {
        (VmView Vm, QemuSight Sight) seen = default;
        await Wait.UntilAsync(
            $"{guest.Name}: {what}, and QEMU agrees",
            async () =>
            {
                seen = (await Client.VmAsync(guest.Name, Late), await guest.Eye.LookAsync(Late));
                return condition(seen.Vm) && seen.Vm.ActualBytes == seen.Sight.Actual.Bytes;
            },
            Deadline, Late, () => $"the daemon says {seen.Vm?.State} with {seen.Vm?.ActualBytes >> 20} MiB, QEMU {seen.Sight?.Actual}");
        return seen;
    }

    public Task UntilGoneAsync(string name) => Wait.UntilAsync(
        $"{name} is gone", async () => !(await Client.VmsAsync(Late)).Any(vm => vm.Id == name), Deadline, Late);

    /// <summary>Runs the command as a user does, and returns its exit code and errors.</summary>
    public async Task<(int Code, string Error)> DmmAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Repository.PathOf("bin", "dmm"), [.. arguments, "--socket", Daemon.Socket])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (text, error) = (process.StandardOutput.ReadToEndAsync(Late), process.StandardError.ReadToEndAsync(Late));
        await process.WaitForExitAsync(Late);
        await text;
        return (process.ExitCode, await error);
    }

    /// <summary>Sends a signal by the shell's built-in kill: a minimal Debian has no such program.</summary>
    public async Task SignalAsync(int pid, string signal)
    {
        using var shell = Process.Start("bash", ["-c", $"kill -{signal} {pid}"]);
        await shell.WaitForExitAsync(Late);
        if (shell.ExitCode != 0)
            throw new TestbedException($"process {pid} was not told {signal}");
    }

    public static bool Runs(int pid) => HostProcess.Find(pid) is { } process && process.IsAlive();

    public async ValueTask DisposeAsync()
    {
        foreach (var open in _open)
            await open.DisposeAsync();
        await Daemon.DisposeAsync();
        _late.Dispose();
    }

    /// <param name="Load">Reports what the guest sees.</param>
    /// <param name="Eye">Shows what QEMU gave the guest.</param>
    public sealed record Guest(string Name, int Pid, LoadClient Load, QemuEye Eye);
}
