using Dmm.Contracts;
using Dmm.Testbed;

namespace Dmm.Demo;

/// <summary>
/// A guest of the demo, seen from both sides: its load generator reports what the guest sees, QEMU reports what the guest was given.
/// Neither asks DMM.
/// </summary>
public sealed class Guest : IAsyncDisposable
{
    private Guest(string name, int pid, QemuEye eye, LoadClient load) => (Name, Pid, Eye, Load) = (name, pid, eye, load);

    public string Name { get; }

    public int Pid { get; }

    public QemuEye Eye { get; }

    public LoadClient Load { get; }

    public static CreateVmRequest Request(string name, GuestImage image, TestbedFolder folder) => new()
    {
        Name = name,
        MinBytes = Sizes.Min.Bytes,
        BootBytes = Sizes.Boot.Bytes,
        MaxBytes = Sizes.Max.Bytes,
        Kernel = image.Kernel,
        Initrd = image.Initrd,
        Channels = [new(LoadClient.Port, LoadSocket(name, folder))],
    };

    /// <summary>Connects to a guest that DMM has launched.</summary>
    public static async Task<Guest> MeetAsync(VmView vm, TestbedFolder folder, CancellationToken cancellation)
    {
        var socket = vm.OperatorQmp
        ?? throw new TestbedException($"{vm.Id}: dmm names no operator's QMP socket; a VM that it launched has one");
        var pid = vm.Pid ?? throw new TestbedException($"{vm.Id}: dmm names no process; a VM that it launched has one");
        var eye = await QemuEye.OpenAsync(socket, cancellation);
        try
        {
            return new(vm.Id, pid, eye, await LoadClient.ConnectAsync(vm.Id, LoadSocket(vm.Id, folder), cancellation));
        }
        catch
        {
            await eye.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Load.DisposeAsync();
        await Eye.DisposeAsync();
    }

    private static string LoadSocket(string name, TestbedFolder folder) => folder.In($"{name}.load");
}
