using Dmm.Contracts;
using Dmm.Daemon.Hosting;
using Dmm.Hocon;
using Dmm.Settings;
using Dmm.Tests;

namespace Dmm.Daemon.Tests.Hosting;

/// <summary>Whatever a setting holds, the daemon starts, or ends with exit code 2 and one line.</summary>
public sealed class SettingMutationTests : IDisposable
{
    /// <summary>Values of a wrong type, beyond all bounds, or absurd; none is meant for a particular setting.</summary>
    private static readonly string[] Values =
    [
        "null", "[]", "[1, 2]", "{}", "{ a = 1 }", "\"\"", "\" \"", "x", "LOUD", "true", "-1", "0", "1", "512", "1.5", "0777", "1e309",
        "99999999999999999999", "9223372036854775807", "NaN", "-1M", "1B", "1MiB", "1PiB", "9000000T", "0ms", "1ms", "1s", "36500d",
        "99999999999d", "0%", "50%", "100000%", "auto", "\"a\\nb\"", "\"\\u0000\"", "\"٣M\"", "/", "/proc/x", "\"../..\"",
        "\"/proc/../proc/x\"", "dmm, dmm", $"\"{new string('x', 5_000)}\"", $"\"/{new string('y', 5_000)}\"",
    ];

    private static readonly string[] AkkaKeys =
    [
        "loglevel", "stdout-loglevel", "log-dead-letters", "log-dead-letters-during-shutdown", "log-config-on-start", "loggers",
        "logger-startup-timeout", "actor", "actor.provider", "actor.creation-timeout", "actor.default-dispatcher",
        "actor.default-dispatcher.type", "actor.default-dispatcher.throughput", "actor.default-dispatcher.executor",
        "actor.default-mailbox.mailbox-type", "actor.deployment", "actor.guardian-supervisor-strategy", "actor.serializers.x",
        "scheduler", "scheduler.implementation", "scheduler.tick-duration", "scheduler.ticks-per-wheel", "scheduler.shutdown-timeout",
        "persistence", "persistence.journal.plugin", "persistence.max-concurrent-recoveries", "coordinated-shutdown",
        "coordinated-shutdown.default-phase-timeout", "remote", "cluster", "extensions", "no.such.key",
    ];

    private static readonly string[] AkkaValues =
        ["LOUD", "0", "-1", "0ms", "1s", "1e309", "null", "[]", "[\"Bogus\"]", "{ x = Bogus }", "\"\"", "\"Bogus, Bogus\"", "true"];

    private readonly TemporaryFolder _folder = new();

    private static IEnumerable<string> Keys => HoconText.Parse(DmmSettings.ReferenceText, "reference.conf").Root.Leaves()
        .Select(leaf => leaf.Path).Where(path => path.StartsWith("dmm.", StringComparison.Ordinal));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Some_values_of_every_setting()
    {
        var random = new Random(36);
        foreach (var key in Keys)
            await ReadAsync(key, Values[random.Next(Values.Length)]);
    }

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public async Task Every_value_of_every_setting()
    {
        foreach (var key in Keys)
        {
            foreach (var value in Values)
                await ReadAsync(key, value);
        }
    }

    [Fact]
    public async Task Some_values_of_Akkas_settings()
    {
        var random = new Random(36);
        foreach (var key in random.GetItems(AkkaKeys, 6))
            await StartAsync($"akka.{key} = {AkkaValues[random.Next(AkkaValues.Length)]}");
    }

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Many_values_of_Akkas_settings(int seed)
    {
        var random = new Random(seed);
        foreach (var key in AkkaKeys)
            await StartAsync($"akka.{key} = {AkkaValues[random.Next(AkkaValues.Length)]}");
    }

    /// <summary>Reads the settings and converts them into those of all components.</summary>
    private async Task ReadAsync(string key, string value)
    {
        // The key that is tested is not set twice.
        string[] others =
        [
            "dmm.hypervisor = simulation", $"dmm.state-dir = \"{_folder.Path}/s\"", $"dmm.socket = \"{_folder.Path}/d.sock\"",
            "dmm.host.memory = 2GiB", "dmm.host.reserve = 128MiB",
        ];
        var text = string.Join(
            '\n', others.Where(other => !other.StartsWith(key + " ", StringComparison.Ordinal)).Append($"{key} = {value}"));
        var error = new StringWriter();

        var code = await StartGuard.RunAsync(
            async () =>
            {
                var settings = DmmSettings.Parse(text, "test.conf");
                _ = ActorSettings.HostOf(settings);
                _ = ActorSettings.VmsOf(settings);
                _ = ActorSettings.AkkaOf(settings);
                // Whether the folder can be made is found before (StandingTests).
                if (key == "dmm.state-dir")
                    return 0;
                await using var hypervisor = ActorSettings.HypervisorOf(settings, _ => { });
                _ = ActorSettings.WatchOf(settings, hypervisor);
                return 0;
            },
            error);

        IsGoodOrOneLine($"{key} = {value}", code, error.ToString());
    }

    /// <summary>Starts the whole daemon in this process.</summary>
    private async Task StartAsync(string akka)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, Guid.NewGuid().ToString("N")[..8])).FullName;
        var error = new StringWriter();

        var code = await StartGuard.RunAsync(
            async () =>
            {
                var settings = DmmSettings.Parse(
                    $$"""
                    dmm { hypervisor = simulation, state-dir = "{{folder}}/s", socket = "{{folder}}/d"
                      host { memory = 2GiB, reserve = 128MiB } }
                    {{akka}}
                    """,
                    "test.conf");
                using var state = StateDirectory.Hold(settings.StateDir);
                await using var app = DaemonApp.Build(settings);
                await app.StartAsync();
                using var client = SocketHttp.Client(settings.Socket.Path, "http://dmm/", DaemonFixture.Deadline);
                await DaemonFixture.UntilAsync(async c => (await client.GetAsync("/ready", c)).IsSuccessStatusCode);
                await app.StopAsync();
                return 0;
            },
            error).WaitAsync(DaemonFixture.Deadline);

        IsGoodOrOneLine(akka, code, error.ToString());
    }

    private static void IsGoodOrOneLine(string setting, int code, string error)
    {
        if (code == 0)
        {
            Assert.True(error.Length == 0, $"{setting}: {error}");
            return;
        }

        Assert.True(code == ExitCodes.Usage, $"{setting}: {code}, {error}");
        Assert.StartsWith("dmmd: ", error, StringComparison.Ordinal);
        Assert.True(error.IndexOf('\n', StringComparison.Ordinal) == error.Length - 1, $"{setting}: {error}");
        Assert.InRange(error.Length, 1, 500);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }
}
