using Dmm.Contracts;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>A corrupt journal is recognized, and ends the daemon.</summary>
public sealed class CorruptJournalTests : TwoGovernedVms
{
    [Theory]
    [InlineData("update journal set message = x'7b', manifest = 'vm-launched-1' where manifest = 'vm-launched-1'", "events can be read",
        "vm-launched-1 can't be read")]
    [InlineData("update journal set manifest = 'vm-teleported-9' where sequence_number = 2", "events can be read", "does not know")]
    [InlineData("delete from journal where sequence_number = 2", "none is missing", "3 comes after 1")]
    [InlineData(
        "update journal set manifest = 'vm-launched-1', message = cast(json_object('at', '2026-01-01T00:00:00Z', 'vm', 'x', 'handle', "
            + "json_object('id', 'x', 'hypervisor', 'simulation', 'base', 1, 'control', '', 'owned', json('true'))) as blob) where "
                + "sequence_number = 3", "they follow from each other", "'x'")]
    public async Task What_breaks_a_journal_is_found_and_the_daemon_refuses_it(string damage, string question, string answer)
    {
        await Daemon.StopAsync();
        using (var connection = JournalFile.Open(Journal, TimeSpan.FromSeconds(5)))
            connection.Run(damage);
        var (code, said) = Check();
        Assert.Equal(ExitCodes.Failed, code);
        var line = Assert.Single(said.Split('\n'), l => l.StartsWith("BROKEN", StringComparison.Ordinal)
            && l.Contains(question, StringComparison.Ordinal));
        Assert.Contains(answer, line);

        await Daemon.StartAsync();
        Assert.Equal(ExitCodes.JournalCorrupt, await Daemon.EndedAsync());
    }

    /// <summary>
    /// A host that is stopped in the middle of its start ends with an exception: dmmd's exit code would not say what is wrong.
    /// </summary>
    [Fact]
    public void A_journal_that_is_found_corrupt_before_the_daemon_has_started_ends_it_when_it_has()
    {
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        var ending = new Ending(lifetime);

        ending.With(ExitCodes.JournalCorrupt);
        Assert.False(lifetime.ApplicationStopping.IsCancellationRequested);

        lifetime.NotifyStarted();
        Assert.True(lifetime.ApplicationStopping.IsCancellationRequested);
        Assert.Equal(ExitCodes.JournalCorrupt, ending.ExitCode);
    }

    [Fact]
    public async Task A_journal_that_becomes_corrupt_ends_the_daemon_with_the_way_out()
    {
        using (var foreign = JournalFile.Open(Journal, TimeSpan.FromSeconds(10)))
            foreign.Run("PRAGMA wal_checkpoint(TRUNCATE)");
        using (var file = new FileStream(Journal, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.Write(new byte[64 * 1024]);
        SqliteConnection.ClearAllPools();
        _ = Daemon.PostAsync("vms/a/resize", new ResizeVmRequest(384L << 20)).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(ExitCodes.JournalCorrupt, await Daemon.EndedAsync());
        await Daemon.StopAsync();

        var fault = await Assert.ThrowsAsync<StartException>(Daemon.StartAsync);
        Assert.Equal(ExitCodes.JournalCorrupt, fault.ExitCode);
        Assert.Contains("dmmd journal rebuild", fault.Message);
    }
}
