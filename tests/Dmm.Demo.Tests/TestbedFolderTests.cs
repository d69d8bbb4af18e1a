using System.Diagnostics;
using Dmm.Testbed;

namespace Dmm.Demo.Tests;

/// <summary>The processes of a test bed's folder end with it, and no others do. A process named like QEMU stands in for QEMU.</summary>
public sealed class TestbedFolderTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Vms_end_with_their_folder_and_strangers_live_on()
    {
        using var folder = new TestbedFolder(endOnSignals: false);
        await File.WriteAllTextAsync(folder.In("file"), "");
        using var vm = Follow("qemu-system-x86_64", folder.In("file"));
        using var reader = Follow("reader", folder.In("file"));
        using var foreign = Follow("qemu-system-x86_64", "/dev/null");
        try
        {
            await Wait.UntilAsync(
                "the VM runs", () => Task.FromResult(folder.FindVms().Any(p => p.Pid == vm.Id)), Deadline, CancellationToken.None);
            folder.Dispose();
            Assert.True(vm.WaitForExit(Deadline));
            Assert.False(reader.HasExited);
            Assert.False(foreign.HasExited);
            Assert.False(Directory.Exists(folder.Path));
        }
        finally
        {
            foreach (var process in new[] { vm, reader, foreign })
                process.Kill();
        }
    }

    [Fact]
    public void Nothing_is_started_in_a_folder_that_is_closed()
    {
        var folder = new TestbedFolder(endOnSignals: false);
        folder.Dispose();
        var started = false;
        Assert.Throws<TestbedException>(() => folder.Start(() => (started = true, 1)));
        Assert.False(started);
    }

    [Fact]
    public void Its_path_leaves_room_for_the_sockets_of_a_vm()
    {
        using var folder = new TestbedFolder(endOnSignals: false);
        Assert.True(folder.In($"state/vms/{new string('a', 60)}/operator-qmp.sock").Length <= 107);
    }

    /// <summary><c>tail -f</c> under another name.</summary>
    private static Process Follow(string name, string file) =>
        Process.Start(new ProcessStartInfo("bash", ["-c", "exec -a \"$0\" tail -f \"$1\"", name, file]))!;
}
