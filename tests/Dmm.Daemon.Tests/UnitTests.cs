using Dmm.Hocon;

namespace Dmm.Daemon.Tests;

/// <summary>The systemd units in config/: the guests' end at the shutdown of a host needs the daemon, and time enough.</summary>
public sealed class UnitTests
{
    /// <summary>The time beyond its deadline that <c>dmm host drain --wait</c> waits for processes that are being ended.</summary>
    private static readonly TimeSpan Beyond = TimeSpan.FromMinutes(1);

    private readonly ILookup<string, string> _daemon = Read("dmmd.service");
    private readonly ILookup<string, string> _guests = Read("dmm-guests.service");

    [Fact]
    public void The_guests_are_stopped_before_the_daemon_the_network_and_the_disks()
    {
        // systemd stops in the reverse order of After.
        var after = Words(_guests["After"]);
        Assert.All(
            ["dmmd.service", "network-online.target", "remote-fs.target", "local-fs.target"], unit => Assert.Contains(unit, after));
        Assert.Contains("network.target", Words(_daemon["After"]));
        Assert.DoesNotContain("dmm-guests.service", Words(_daemon["After"]));
    }

    [Fact]
    public void A_stop_or_restart_of_the_daemon_alone_stops_no_guest()
    {
        string[] strong = ["Requires", "BindsTo", "PartOf", "Requisite", "Upholds"];
        Assert.All(strong, key => Assert.Empty(_guests[key].Concat(_daemon[key])));
        Assert.Contains("dmmd.service", Words(_guests["Wants"]));
        Assert.Equal("process", _daemon["KillMode"].Single());
    }

    [Fact]
    public void It_stays_active_does_nothing_at_the_start_and_drains_the_host_at_its_stop()
    {
        Assert.Equal(("oneshot", "yes"), (_guests["Type"].Single(), _guests["RemainAfterExit"].Single()));
        Assert.Equal("/usr/bin/true", _guests["ExecStart"].Single());
        string[] stop = _guests["ExecStop"].Single().Split(' ');
        Assert.Equal(["/usr/bin/dmm", "host", "drain"], stop[..3]);
        Assert.Contains("--kill", stop);
        Assert.Contains("--wait", stop);
        Assert.DoesNotContain("--stay", stop);
        Assert.Equal(Path.GetDirectoryName(_daemon["ExecStart"].Single().Split(' ')[0]), Path.GetDirectoryName(stop[0]));
        Assert.Equal(_daemon["WantedBy"].Single(), _guests["WantedBy"].Single());
    }

    [Fact]
    public void It_may_take_longer_than_the_deadline_and_the_end_of_the_processes_after_it()
    {
        string[] stop = _guests["ExecStop"].Single().Split(' ');
        Assert.True(DurationText.TryParse(stop[Array.IndexOf(stop, "--deadline") + 1], out var deadline));
        Assert.True(DurationText.TryParse(_guests["TimeoutStopSec"].Single(), out var timeout));
        Assert.True(timeout > deadline + Beyond, $"{timeout} is not more than {deadline} and {Beyond}");
    }

    private static ILookup<string, string> Read(string unit) =>
        File.ReadLines(Path.Combine(Root(), "config", unit)).Where(line => line.Contains('=') && line[0] is not ('#' or ';'))
            .Select(line => line.Split('=', 2)).ToLookup(pair => pair[0].Trim(), pair => pair[1].Trim());

    private static HashSet<string> Words(IEnumerable<string> values) => [.. values.SelectMany(value => value.Split(' '))];

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "DMM.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("there is no DMM.sln above the tests");
        return folder;
    }
}
