using Dmm.Contracts;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>Tests of <c>dmmd journal</c>: it recognizes a broken journal, and makes a new one from the VMs that run.</summary>
public sealed class JournalCommandTests : TwoGovernedVms
{
    [Fact]
    public async Task A_sound_journal_passes_even_while_the_daemon_writes_it()
    {
        // What b has on lease is claimed, too.
        await Daemon.UntilAsync("a", v => v is { LeaseBytes: 0, GrantedBytes: 512L << 20 });
        await Daemon.UntilAsync("b", v => v.LeaseBytes == 16L << 20);
        var (code, said) = Check();
        Assert.Equal(0, code);
        Assert.Contains("2 VMs with claims of 848 MiB", said);
        Assert.DoesNotContain("BROKEN", said);
        var fault =
            await Assert.ThrowsAsync<StartException>(
                () => JournalCommand.RebuildAsync(Daemon.Settings, TextWriter.Null, CancellationToken.None));
        Assert.Contains("a dmmd runs on", fault.Message);
    }

    [Fact]
    public async Task A_rebuilt_journal_promises_what_the_vms_have_and_keeps_the_policies_that_can_be_read()
    {
        await Daemon.StopAsync();
        using (var connection = JournalFile.Open(Journal, TimeSpan.FromSeconds(5)))
            connection.Run("update journal set message = x'7b' where sequence_number = (select max(sequence_number) from journal)");
        var said = await RebuildAsync();
        Assert.Contains("ok      a: has 512 MiB; min 128 MiB, max 1 GiB, shares 1000 from the old journal", said);
        Assert.Single(Directory.GetFiles(Daemon.Settings.StateDir, "journal.db.2*Z"));
        Assert.Equal(0, Check().Code);

        await Daemon.StartAsync();
        var vm = await Daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal((512L << 20, 512L << 20, 128L << 20, 1024L << 20), (vm.ActualBytes, vm.GrantedBytes, vm.MinBytes, vm.MaxBytes));
    }

    [Fact]
    public async Task A_rebuilt_journal_keeps_what_an_operator_wants_of_vms_that_run_rest_or_were_let_go_of()
    {
        await Daemon.PostAsync("vms", DaemonFixture.Vm("c") with { Restart = "always" });
        await Daemon.UntilAsync("c", v => v.State == "settled");
        Assert.Equal(200, (await Daemon.PostAsync("vms/c", new SetVmRequest(300L << 20, null, null), HttpMethod.Patch)).Status);
        // What it has on lease it may still be taking.
        await Daemon.UntilAsync("b", v => v.LeaseBytes == 16L << 20);
        Assert.Equal(200, (await Daemon.PostAsync("vms/b/forget", new { })).Status);
        await Daemon.StopAsync();
        // The VM's process ends while no daemon runs.
        File.Delete(Path.Combine(Daemon.Settings.Simulation.Directory, "c.json"));
        var said = await RebuildAsync();
        Assert.Contains("b: DMM was told to forget it; it may take 304 MiB as long as it runs", said);
        Assert.Contains("it stays stopped until 'dmm vm start c'", said);

        await Daemon.StartAsync();
        await Daemon.UntilAsync("a", v => v.State == "settled");
        var host = await Daemon.GetAsync<HostView>("host");
        Assert.Equal((1, 304L << 20), (host.Vms, host.LetGoBytes));
        Assert.Equal(host.MemoryBytes, host.ReserveBytes + host.ClaimsBytes + host.LetGoBytes + host.ReservationsBytes + host.FreeBytes);
        Assert.Equal(200, (await Daemon.PostAsync("vms/c/start", new { })).Status);
        Assert.Equal(300L << 20, (await Daemon.UntilAsync("c", v => v.State == "settled")).BaseBytes);
    }

    [Fact]
    public async Task Without_any_old_journal_vms_are_held_at_what_they_have_until_an_operator_decides()
    {
        await Daemon.StopAsync();
        foreach (var file in Directory.GetFiles(Daemon.Settings.StateDir, "journal.db*"))
            File.Delete(file);
        var fault = await Assert.ThrowsAsync<StartException>(Daemon.StartAsync);
        Assert.Contains("2 VMs run, such as a; their memory would be promised to others", fault.Message);
        await Daemon.StopAsync();

        Assert.Contains(
            "DECIDE  a: has 512 MiB; its policy is lost: min 512 MiB, max 512 MiB until 'dmm vm set a' says otherwise",
            await RebuildAsync());
        await Daemon.StartAsync();
        var vm = await Daemon.UntilAsync("a", v => v.State == "settled");
        Assert.Equal((512L << 20, 512L << 20), (vm.MinBytes, vm.MaxBytes));
        var host = await Daemon.GetAsync<HostView>("host");
        Assert.Equal((512L + 256 + 64) << 20, host.ClaimsBytes - host.LeasesBytes);
        Assert.Equal(200, (await Daemon.PostAsync("vms/a", new SetVmRequest(128L << 20, 1L << 30, null), HttpMethod.Patch)).Status);
    }

    private async Task<string> RebuildAsync()
    {
        using var output = new StringWriter();
        Assert.Equal(0, await JournalCommand.RebuildAsync(Daemon.Settings, output, CancellationToken.None));
        return output.ToString();
    }
}
