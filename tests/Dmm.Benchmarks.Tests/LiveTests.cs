using System.Text.Json;
using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Houses;
using Dmm.Benchmarks.Live;
using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Tests;

public sealed class LiveTests
{
    [Fact]
    public void Each_guest_has_the_moving_load_once_in_a_run()
    {
        for (var seed = 1UL; seed <= 50; seed++)
        {
            var phases = LiveSettings.Usual.Phases(seed);
            Assert.Equal(PhaseKind.HostHasRoom, phases[0].Kind);
            var moving = phases.Where(p => p.Kind == PhaseKind.HostIsFull).Select(p => p.Guest).ToList();
            Assert.Equal([0, 1, 2], moving.Order());
            Assert.NotEqual(phases[0].Guest, moving[0]);
        }
    }

    [Fact]
    public void The_load_fits_into_the_host_and_not_into_an_equal_part_of_it()
    {
        var trial = LiveSettings.Usual;
        var guests = LiveSettings.Names.Length;
        Assert.True(trial.Moving > trial.EqualPart);
        Assert.True(trial.Moving + trial.Moving > trial.Guests);
        // A guest of this image itself needs less than 100 MiB.
        Assert.True(trial.Moving + trial.Idle + trial.Idle + MemorySize.FromMiB(100 * guests) < trial.Guests);
        Assert.True((trial.Start.Bytes * guests) + trial.Small.Bytes <= trial.Guests.Bytes);
    }

    [Fact]
    public void Every_rival_is_a_law_that_the_daemon_knows_and_balloon_laws_meet_guests_that_booted_with_their_max()
    {
        foreach (var rival in Rival.All)
            Assert.Equal(LawCatalog.Create(rival.Policy).BalloonOnly, rival.BootsWithMax);
        Assert.Equal(["dmm", "static", "mom", "proxmox", "squeezed", "unlimited"], Rival.All.Select(r => r.Name));
    }

    [Fact]
    public void A_law_is_measured_by_the_same_load_with_unlimited_memory()
    {
        LiveRun[] runs = [
            Run("unlimited", 1, 1000),
            Run("unlimited", 2, 2000),
            Run("unlimited", 3, 2000),
            Run("dmm", 1, 1900),
            Run("dmm", 2, 1500),
            Run("dmm", 3, 1700),
        ];
        var laws = LawFigures.Of(runs);
        Assert.Equal(["dmm", "unlimited"], laws.Select(l => l.Law));
        Assert.Equal((1700.0, 0.85), (laws[0].OperationsPerSecond.Median!.Value, laws[0].OfUnlimited!.Value));
        Assert.Equal((9, 3), (laws[0].FirstFullMs.Count, laws[0].AllRoomMs.Count));
        Assert.Equal(
            (0.6, 0.75, 12L, 3), (laws[0].StallSomeSeconds.Median!.Value, laws[0].SwappedOutMibPerRun, laws[0].OomKills, laws[0].Deaths));
    }

    [Fact]
    public void The_report_is_drawn_and_written_with_what_never_came()
    {
        LiveRun[] runs =
            [
                Run("dmm", 1, 900),
                Run("mom", 1,
                    100) with { Phases = [Phase(PhaseKind.HostIsFull, 100) with { FirstMs = null, UsableMs = null, HeldMs = null }] },
                Run("unlimited", 1, 1000),
            ];
        var report = LiveReport.Of(
            new(DateTimeOffset.UnixEpoch, "q", new("cpu", 2, 1, "k", "r", 0)), 1, LiveSettings.Usual,
            [new(PhaseKind.HostIsFull, 100, 150, 200)], runs);
        var folder = Directory.CreateTempSubdirectory("dmm-bench-test-");
        try
        {
            var file = ReportFile.Write(folder.FullName, "live.json", report);
            var json = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
            Assert.Equal(JsonValueKind.Null, json.GetProperty("laws")[1].GetProperty("firstFullMs").GetProperty("median").ValueKind);
            Assert.Equal("hostIsFull", json.GetProperty("raw")[0].GetProperty("kind").GetString());
            var rows = File.ReadAllLines(LiveTable.Of(report).Write(folder.FullName, "live.md"));
            Assert.Equal(2 + report.Laws.Count + 1, rows.Length);
            Assert.Contains("never", rows[3], StringComparison.Ordinal);
            LivePlot.Save(report, Path.Combine(folder.FullName, "live.png"));
            Assert.True(new FileInfo(Path.Combine(folder.FullName, "live.png")).Length > 10_000);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static LiveRun Run(string law, int round, double operationsPerSecond) => new(
        law, round, 1000, 1,
        [Phase(PhaseKind.HostHasRoom, operationsPerSecond), .. Enumerable.Range(0, 3)
            .Select(_ => Phase(PhaseKind.HostIsFull, operationsPerSecond))]);

    private static PhaseFigures Phase(PhaseKind kind, double operationsPerSecond) =>
        new(kind, "alpha", 300, 500, 800, (long)(operationsPerSecond * 10), 10, 200, 100, 0.25, 1, kind == PhaseKind.HostHasRoom ? 1 : 0);

    [Fact]
    public void A_burst_has_its_first_memory_when_the_guest_can_use_more_than_before_and_swap_is_no_memory()
    {
        var watch = new BurstWatch(Report(held: 0, available: 100, swapped: 0, wants: 0), MemorySize.FromMiB(512));
        watch.Take(Report(held: 0, available: 400, swapped: 0, wants: 0), 10);
        Assert.Null(watch.FirstMs);
        watch.Take(Report(held: 90, available: 10, swapped: 0, wants: 512), 200);
        watch.Take(Report(held: 150, available: 10, swapped: 60, wants: 512), 300);
        Assert.Null(watch.FirstMs);
        watch.Take(Report(held: 150, available: 40, swapped: 50, wants: 512), 400);
        watch.Take(Report(held: 512, available: 20, swapped: 60, wants: 512), 500);
        Assert.Equal((400.0, null, 500.0), (watch.FirstMs, watch.UsableMs, watch.HeldMs));
        Assert.False(watch.IsOver);
        watch.Take(Report(held: 512, available: 60, swapped: 60, wants: 512), 600);
        Assert.Equal(600, watch.UsableMs);
        Assert.True(watch.IsOver);
    }

    [Fact]
    public void A_guest_that_had_enough_from_the_start_waits_for_nothing()
    {
        var watch = new BurstWatch(Report(held: 0, available: 700, swapped: 0, wants: 0), MemorySize.FromMiB(512));
        watch.Take(Report(held: 40, available: 660, swapped: 0, wants: 512), 55);
        Assert.Equal((55.0, 55.0, null), (watch.FirstMs, watch.UsableMs, watch.HeldMs));
    }

    private static LoadReport Report(long held, long available, long swapped, long wants) => new()
    {
        Seq = 1,
        UptimeMs = 1,
        HeldKib = held << 10,
        WantKib = wants << 10,
        MemTotalKib = 1 << 20,
        MemAvailableKib = available << 10,
        SwapUsedKib = swapped << 10,
    };
}
