using Dmm.Core;
using Microsoft.Data.Sqlite;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>The disk of the journal is sick: nothing can be written to it.</summary>
public sealed class JournalStories
{
    /// <summary>
    /// Another process holds the journal's lock, so that a write hangs as on a disk that does not answer. The guest works with more than
    /// it was ever granted: it has that on lease.
    /// </summary>
    [Fact]
    public async Task While_nothing_can_be_written_a_guest_in_need_gets_what_it_has_on_lease()
    {
        await using var host = await StartAsync(memoryMiB: 2048, "journal.busy-timeout = 60s", cushionMiB: 512);
        var guest = await host.CreateAsync(host.Request("works"));
        var before = await host.UntilAsync("works", "it has its lease", static v => v is { LeaseBytes: 256 << 20, State: "settled" });
        var held = MemorySize.FromBytes(before.GrantedBytes) + MemorySize.FromMiB(64);
        using (Lock(host.Daemon.Folder.In("state/journal.db")))
        {
            await guest.Load.HoldAsync(held, Pace, host.Late);
            await guest.Load.WaitForAsync("it holds more than it was granted", r => r.Held == held, TimeSpan.FromSeconds(40), host.Late);
            Assert.Contains((await host.Client.HostAsync(host.Late)).Problems, static p => p.Contains("journal", StringComparison.Ordinal));
        }

        // What the host decides as soon as it can takes the place of the lease.
        var after = await host.UntilAsync("works", "it is granted what it took", v => v.GrantedBytes >= held.Bytes);
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).DeficitBytes);
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
        Assert.Contains(await host.Client.EventsAsync(host.Late), static e => e is { Kind: "takesLease", Vm: "works" });
        Assert.Equal(before.Pid, after.Pid);
    }

    private static SqliteConnection Lock(string journal)
    {
        var other = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = journal, Pooling = false }.ToString());
        other.Open();
        using var command = other.CreateCommand();
        command.CommandText = "begin immediate";
        command.ExecuteNonQuery();
        return other;
    }
}
