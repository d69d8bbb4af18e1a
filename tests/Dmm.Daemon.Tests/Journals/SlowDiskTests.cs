using System.Diagnostics;
using System.Text.Json;
using Dmm.Contracts;
using Dmm.Daemon.Journals;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>
/// A disk that needs a second for each write. The test holds the file's lock for that long each time: SQLite, and with it the daemon,
/// waits at the same place.
/// </summary>
public sealed class SlowDiskTests
{
    [Fact]
    public Task With_a_disk_that_takes_a_second_for_a_write_it_is_done_and_it_is_said() => WritesSlowlyAsync(512);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public Task With_a_disk_that_takes_a_second_for_each_write_all_is_done_and_it_is_said() => WritesSlowlyAsync(300, 400, 512);

    private static async Task WritesSlowlyAsync(params long[] sizes)
    {
        await using var daemon = new DaemonFixture();
        await daemon.StartReadyAsync();
        await daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await daemon.UntilAsync("a", v => v.State == "settled");
        using var foreign = JournalFile.Open(daemon.Settings.Journal.Path, TimeSpan.FromSeconds(10));
        foreach (var mib in sizes)
        {
            Task<(int Status, JsonElement Body)> resize;
            using (var transaction = foreign.BeginTransaction())
            {
                JournalFile.Probe(foreign, DateTimeOffset.UnixEpoch);
                resize = daemon.PostAsync("vms/a/resize", new ResizeVmRequest(mib << 20));
                // While the write is under way, the keeper answers each request after a second. This must happen twice in a row: a busy
                // machine may be late once.
                for (var late = 0; late < 2;)
                {
                    var asked = Stopwatch.StartNew();
                    Assert.Equal(1, (await daemon.GetAsync<HostView>("host")).Vms);
                    late = asked.Elapsed < TimeSpan.FromMilliseconds(700) ? 0 : late + 1;
                }

                Assert.False(resize.IsCompleted, "it was promised before it was written");
                transaction.Rollback();
            }

            Assert.Equal(200, (await resize).Status);
            var slow = await daemon.GetAsync<HostView>("host");
            Assert.Contains(slow.Problems, p => p.Contains("the journal has been slow", StringComparison.Ordinal));
            await daemon.UntilAsync("a", v => v.ActualBytes == mib << 20 && v.GrantedBytes == mib << 20);
        }

        var kinds = (await daemon.GetAsync<EventView[]>("events")).Select(e => e.Kind).ToArray();
        Assert.Contains("journalSlow", kinds);
        Assert.DoesNotContain("journalBroken", kinds);
    }
}
