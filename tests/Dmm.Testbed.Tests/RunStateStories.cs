using System.Diagnostics;
using System.Text.Json.Nodes;
using Dmm.Hypervisors.Qemu;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>Real guests that are silent, paused, or migrated away.</summary>
public sealed class RunStateStories
{
    [Fact]
    public async Task A_guest_that_booted_once_may_be_silent_for_long_in_a_later_life()
    {
        await using var host = await StartAsync(memoryMiB: 1024, more: "vm { boot-deadline = 45s }");
        var initrd = host.Daemon.Folder.In("initrd");
        File.Copy(host.Image.Initrd, initrd);
        var first = await host.CreateAsync(host.Request("vm") with { Initrd = initrd, Restart = "always", BootCheck = "strict" });
        // This simulates a long check of its disks: from now on the guest's first program does nothing but sleep.
        await using (var archive = new FileStream(initrd, FileMode.Append))
            await archive.WriteAsync(CpioArchive.Of("init", "#!/bin/sh\nexec /bin/sleep 100000\n"), host.Late);
        HostProcess.Find(first.Pid)!.Kill();

        var silent = await host.UntilAsync(
            "vm", "it is spoken of",
            vm => vm.Warnings.Any(w => w.StartsWith("nothing was heard from its guest within 45 s", StringComparison.Ordinal)));
        await Task.Delay(TimeSpan.FromSeconds(25), host.Late);

        var still = await host.Client.VmAsync("vm", host.Late);
        Assert.Equal(silent.Pid, still.Pid);
        Assert.True(Runs(silent.Pid!.Value));
        Assert.Single(await host.Client.EventsAsync(host.Late), e => e is { Kind: "bootSilent", Vm: "vm" });
    }

    [Fact]
    public async Task A_guest_that_is_paused_in_its_boot_or_later_is_said_to_be_paused_and_nothing_is_taken_amiss()
    {
        await using var host = await StartAsync(memoryMiB: 1024, more: "vm { boot-deadline = 45s }");
        await host.Client.CreateAsync(host.Request("vm") with { BootCheck = "strict" }, host.Late);
        var vm = await host.UntilAsync("vm", "its process runs", v => v.Pid is not null && v.OperatorQmp is not null);
        await using (var eye = await QemuEye.OpenAsync(vm.OperatorQmp!, host.Late))
        {
            await eye.TellAsync("stop", null, host.Late);
            await host.UntilAsync("vm", "it is paused", v => v.State == "paused");
            // This is longer than the VM's boot deadline, which itself is far longer than a boot takes on a slow machine: so only the
            // pause can explain that the boot is not ended.
            await Task.Delay(TimeSpan.FromSeconds(50), host.Late);
            Assert.Equal("paused", (await host.Client.VmAsync("vm", host.Late)).State);
            await eye.TellAsync("cont", null, host.Late);
        }

        var guest = await host.MeetAsync("vm");
        Assert.Equal(vm.Pid, guest.Pid);
        await guest.Eye.TellAsync("stop", null, host.Late);
        await host.UntilAsync("vm", "it is paused again", v => v.State == "paused");
        await host.Client.ResizeAsync("vm", MiB(128), host.Late);
        await Task.Delay(TimeSpan.FromSeconds(35), host.Late);
        var paused = await host.Client.VmAsync("vm", host.Late);
        Assert.Equal("paused", paused.State);
        Assert.True(paused.GrantedBytes >= MiB(250));
        await guest.Eye.TellAsync("cont", null, host.Late);
        await host.UntilAsync("vm", "it shrinks", v => v.State == "settled" && v.ActualBytes <= MiB(160));
    }

    [Fact]
    public async Task A_vm_that_was_migrated_away_is_not_created_here_again()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var guest = await host.CreateAsync(host.Request("vm") with { Restart = "always" });
        var (folder, incoming) = (host.Daemon.Folder.In("there"), host.Daemon.Folder.In("there/in"));
        Directory.CreateDirectory(folder);
        var source = Path.GetDirectoryName((await host.Client.VmAsync("vm", host.Late)).OperatorQmp)!;
        var words = (await File.ReadAllTextAsync($"/proc/{guest.Pid}/cmdline", host.Late)).TrimEnd('\0').Split('\0')
            .Select(w => w.Replace(source, folder, StringComparison.Ordinal)
                .Replace(host.Daemon.Folder.In("vm.load"), Path.Combine(folder, "load"), StringComparison.Ordinal));
        using var there = Process.Start(words.First(), [.. words.Skip(1), "-incoming", $"unix:{incoming}"]);
        try
        {
            await Wait.UntilAsync("it waits for its guest", () => Task.FromResult(File.Exists(incoming)), Deadline, host.Late);
            await guest.Eye.TellAsync("migrate", new JsonObject { ["uri"] = $"unix:{incoming}" }, host.Late);
            await host.UntilAsync("vm", "it was migrated", vm => vm.State == "migrated");
            await guest.Eye.TellAsync("quit", null, host.Late);

            var stopped = await host.UntilAsync("vm", "its process is gone", vm => vm.State == "stopped");
            Assert.Contains("it was migrated away", stopped.Why, StringComparison.Ordinal);
            await Task.Delay(TimeSpan.FromSeconds(5), host.Late);
            Assert.DoesNotContain(await host.Client.EventsAsync(host.Late), e => e is { Kind: "vmReturns", Vm: "vm" });
            var (code, error) = await host.DmmAsync("vm", "start", "vm");
            Assert.Equal(1, code);
            Assert.Contains("may run elsewhere, on the same disk", error, StringComparison.Ordinal);
            Assert.False(there.HasExited);
        }
        finally
        {
            there.Kill();
            await there.WaitForExitAsync();
        }
    }
}
