using System.Net;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Settings.Tests;

public sealed class DmmSettingsTests
{
    [Fact]
    public void Without_a_file_the_reference_holds()
    {
        var settings = DmmSettings.Load(null);

        Assert.Equal(HypervisorKind.Qemu, settings.Hypervisor);
        Assert.Equal(PolicyKind.Dmm, settings.Policy);
        Assert.Equal("/var/lib/dmm", settings.StateDir);
        Assert.Equal("/run/dmm/dmm.sock", settings.Socket.Path);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, settings.Socket.Mode);
        Assert.Null(settings.Socket.Group);
        Assert.Null(settings.Host.Memory);
        Assert.Equal(MemorySize.FromGiB(1), settings.Host.Reserve);
        Assert.Equal(MemorySize.FromGiB(5), settings.Host.Cushion.Of(MemorySize.FromGiB(100)));
        Assert.Equal(0, settings.Http.Port);
        Assert.Equal("/var/lib/dmm/journal.db", settings.Journal.Path);
        Assert.Equal("/var/lib/dmm/simulation", settings.Simulation.Directory);
        Assert.Equal(IPAddress.Loopback, settings.Http.Address);
        Assert.Equal("WARNING", settings.AkkaConfig.GetString("akka.loglevel"));
        Assert.Null(settings.AkkaConfig.GetConfig("dmm"));
    }

    [Fact]
    public void Every_key_of_the_reference_is_read_once_and_every_read_key_is_in_it()
    {
        var reader = new SettingsReader(HoconText.Parse(DmmSettings.ReferenceText, "reference.conf"), null);

        // A key that is missing, or is read twice, throws.
        DmmSettings.From(reader, Akka.Configuration.Config.Empty);

        Assert.Empty(reader.Unread);
        Assert.Empty(reader.Faults);
    }

    [Fact]
    public void Every_setting_of_the_reference_is_commented()
    {
        var lines = DmmSettings.ReferenceText.Split('\n');
        var settings = lines.Where(l => l.Contains('=', StringComparison.Ordinal) && !l.TrimStart().StartsWith('#')).ToList();

        Assert.True(settings.Count > 40);
        Assert.All(lines, l => Assert.True(l.Length <= 200, l));
        // Settings that share a comment follow each other directly.
        for (var i = 1; i < lines.Length; i++)
        {
            if (settings.Contains(lines[i]))
                Assert.True(lines[i - 1].TrimStart().StartsWith('#') || settings.Contains(lines[i - 1]) || lines[i - 1] == "akka {",
                    $"line {i + 1}: {lines[i]}");
        }
    }

    [Fact]
    public void Every_policy_but_dmms_own_is_a_law_of_the_catalog() => Assert.Equal(
        Core.Laws.LawCatalog.All.Select(law => law.Name).Where(name => name != "dmm").Order(),
        Enum.GetNames<PolicyKind>().Select(name => name.ToLowerInvariant()).Where(name => name != "dmm").Order());

    [Fact]
    public void A_file_lies_over_the_reference()
    {
        var settings = DmmSettings.Parse(
            """
            dmm { hypervisor = simulation, state-dir = "/srv/dmm/", host.memory = 1.5GiB, host { reserve = 0, cushion = 64M }
              http { port = 7070, address = localhost } }
            dmm.socket-mode = 0600
            dmm.qemu.append = "console=ttyS0 // quiet"
            akka { loglevel = DEBUG, actor.whatever = [1, 2] }
            """,
            "x.conf");

        Assert.Equal(HypervisorKind.Simulation, settings.Hypervisor);
        Assert.Equal("/srv/dmm", settings.StateDir);
        Assert.Equal("/srv/dmm/journal.db", settings.Journal.Path);
        Assert.Equal(MemorySize.FromMiB(1536), settings.Host.Memory);
        Assert.Equal(MemorySize.FromMiB(1536), settings.Host.Governed());
        Assert.Equal(MemorySize.Zero, settings.Host.Reserve);
        Assert.Equal(MemorySize.FromMiB(64), settings.Host.Cushion.Of(MemorySize.FromGiB(100)));
        Assert.Equal(7070, settings.Http.Port);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, settings.Socket.Mode);
        Assert.Equal("console=ttyS0 // quiet", settings.Qemu.Append);
        Assert.Equal("DEBUG", settings.AkkaConfig.GetString("akka.loglevel"));
        Assert.Equal([1, 2], settings.AkkaConfig.GetIntList("akka.actor.whatever"));
        Assert.Equal(TimeSpan.FromMilliseconds(100), settings.AkkaConfig.GetTimeSpan("akka.scheduler.tick-duration"));
    }

    [Fact]
    public void A_file_may_be_JSON()
    {
        var settings = DmmSettings.Parse(
            """{"dmm": {"hypervisor": "simulation", "plan": {"period": "250ms"}, "http": {"port": 8080}}}""", "x.json");

        Assert.Equal(TimeSpan.FromMilliseconds(250), settings.Plan.Period);
        Assert.Equal(8080, settings.Http.Port);
    }

    [Theory]
    [InlineData("dmm.host.memory = foo", "dmm.host.memory in /etc/dmm/dmm.conf is 'foo'; it must be a size such as 64GiB, or auto")]
    [InlineData("dmm.host.memory = -1G", "dmm.host.memory in /etc/dmm/dmm.conf is '-1G'; it must be a size such as 64GiB, or auto")]
    [InlineData(
        "dmm.qemu.user = \"1:x\"",
        "dmm.qemu.user in /etc/dmm/dmm.conf is '1:x'; it must be a user's name, UID or UID:GID, or empty")]
    [InlineData(
        "dmm.qemu.groups = on",
        "dmm.qemu.groups in /etc/dmm/dmm.conf is 'on'; it must be auto, off or an absolute path such as /sys/fs/cgroup/dmm")]
    [InlineData("dmm.host.memory = [1G]", "dmm.host.memory in /etc/dmm/dmm.conf is a list; it must be a size such as 64GiB, or auto")]
    [InlineData("dmm.host.memory = null", "dmm.host.memory in /etc/dmm/dmm.conf is null; it must be a size such as 64GiB, or auto")]
    [InlineData(
        "dmm.host.memory = 1GiB",
        "dmm.host.memory in /etc/dmm/dmm.conf is '1GiB'; it must be more than dmm.host.reserve (1 GiB), which is subtracted from it")]
    [InlineData(
        "dmm.host.reserve = 2048",
        "dmm.host.reserve in /etc/dmm/dmm.conf is '2048'; it must be a size from 0 to 1TiB: 2048 has no unit; did you mean 2048M?")]
    [InlineData(
        "dmm.host.memory = 4096",
        "dmm.host.memory in /etc/dmm/dmm.conf is '4096'; it must be a size such as 64GiB, or auto: 4096 has no unit; did you mean 4096M?")]
    [InlineData(
        "dmm.host.cushion = 5",
        "dmm.host.cushion in /etc/dmm/dmm.conf is '5'; it must be percent from 0% to 50%, or a size such as 512MiB: 5 has no unit; did "
            + "you mean 5% or 5M?")]
    [InlineData(
        "dmm.demand.headroom-min = 72",
        "dmm.demand.headroom-min in /etc/dmm/dmm.conf is '72'; it must be a size from 0 to 16GiB: 72 has no unit; did you mean 72M?")]
    [InlineData(
        "dmm.vm.spark = 25165824",
        "dmm.vm.spark in /etc/dmm/dmm.conf is '25165824'; it must be 0 or a size from 4MiB to 256MiB: 25165824 has no unit; did you mean "
            + "24M?")]
    [InlineData(
        "akka.persistence.journal.plugin = x",
        "/etc/dmm/dmm.conf, line 1, column 35: akka.persistence.journal.plugin can't be set, like all of akka.persistence: DMM sets it "
            + "itself; remove it")]
    [InlineData(
        "akka.coordinated-shutdown = 5",
        "/etc/dmm/dmm.conf, line 1, column 29: akka.coordinated-shutdown can't be set, like all of akka.coordinated-shutdown: DMM sets it "
            + "itself; remove it")]
    [InlineData(
        "akka.actor.deployment { /dmm.dispatcher = x }",
        "/etc/dmm/dmm.conf, line 1, column 43: akka.actor.deployment./dmm.dispatcher can't be set, like all of akka.actor.deployment: DMM "
            + "sets it itself; remove it")]
    [InlineData("dmm.host.reserve = 10 apples", "dmm.host.reserve in /etc/dmm/dmm.conf is '10 apples'; it must be a size from 0 to 1TiB")]
    [InlineData(
        "dmm.host.cushion = 80%",
        "dmm.host.cushion in /etc/dmm/dmm.conf is '80%'; it must be percent from 0% to 50%, or a size such as 512MiB")]
    [InlineData("dmm.hypervisor = xen", "dmm.hypervisor in /etc/dmm/dmm.conf is 'xen'; it must be qemu or simulation")]
    [InlineData("dmm.hypervisor = 0", "dmm.hypervisor in /etc/dmm/dmm.conf is '0'; it must be qemu or simulation")]
    [InlineData("dmm.qemu.accel = hvf", "dmm.qemu.accel in /etc/dmm/dmm.conf is 'hvf'; it must be auto, kvm or tcg")]
    [InlineData("dmm.plan.period = 10ms", "dmm.plan.period in /etc/dmm/dmm.conf is '10ms'; it must be a duration from 100ms to 60s")]
    [InlineData("dmm.plan.period = 1", "dmm.plan.period in /etc/dmm/dmm.conf is '1'; it must be a duration from 100ms to 60s")]
    [InlineData(
        "dmm.plan.period = infinite", "dmm.plan.period in /etc/dmm/dmm.conf is 'infinite'; it must be a duration from 100ms to 60s")]
    [InlineData(
        "dmm.demand.shrink-quantile = 95", "dmm.demand.shrink-quantile in /etc/dmm/dmm.conf is '95'; it must be a number from 0.5 to 1")]
    [InlineData(
        "dmm.admission.queue = many", "dmm.admission.queue in /etc/dmm/dmm.conf is 'many'; it must be a whole number from 1 to 10000")]
    [InlineData(
        "dmm.http.port = 70000", "dmm.http.port in /etc/dmm/dmm.conf is '70000'; it must be a port from 1 to 65535, or 0 for no TCP")]
    [InlineData(
        "dmm.http.address = \"0.0.0.0\"",
        "dmm.http.address in /etc/dmm/dmm.conf is '0.0.0.0'; it must be a loopback address such as 127.0.0.1, since this release has "
            + "neither TLS nor tokens to protect another one")]
    [InlineData("dmm.state-dir = state", "dmm.state-dir in /etc/dmm/dmm.conf is 'state'; it must be an absolute path of at "
        + "most 107 bytes such as /var/lib/dmm")]
    [InlineData(
        "dmm.socket = dmm.sock",
        "dmm.socket in /etc/dmm/dmm.conf is 'dmm.sock'; it must be an absolute path of at most 107 bytes such as /run/dmm/dmm.sock")]
    [InlineData(
        "dmm.socket-mode = rw",
        "dmm.socket-mode in /etc/dmm/dmm.conf is 'rw'; it must be octal permissions from 0600 to 0777, such as 0660")]
    [InlineData(
        "dmm.vm.uncooperative-after = 2s",
        "dmm.vm.uncooperative-after in /etc/dmm/dmm.conf is '2s'; it must be longer than dmm.vm.stuck-after (5s)")]
    [InlineData("dmm.vm.spark = 1M", "dmm.vm.spark in /etc/dmm/dmm.conf is '1M'; it must be 0 or a size from 4MiB to 256MiB")]
    [InlineData(
        "dmm.qemu.stats-period = 1.5s", "dmm.qemu.stats-period in /etc/dmm/dmm.conf is '1.5s'; it must be whole seconds from 1s to 60s")]
    [InlineData("dmm.host = 5", "dmm.host in /etc/dmm/dmm.conf is '5'; it must be a section, with settings such as dmm.host.memory")]
    [InlineData(
        "dmm.host.memroy = 5G", "/etc/dmm/dmm.conf, line 1, column 19: unknown setting dmm.host.memroy; did you mean dmm.host.memory?")]
    [InlineData("host.memory = 5G", "/etc/dmm/dmm.conf, line 1, column 15: unknown setting host.memory; did you mean dmm.host.memory?")]
    [InlineData("dmm.socket.path = x", "/etc/dmm/dmm.conf, line 1, column 19: unknown setting dmm.socket.path; did you mean dmm.socket?")]
    [InlineData(
        "\ndmm.coffee-machine.strength = 3",
        "/etc/dmm/dmm.conf, line 2, column 31: unknown setting dmm.coffee-machine.strength; reference.conf lists all settings")]
    [InlineData("dmm.hots {}", "/etc/dmm/dmm.conf, line 1, column 1: unknown setting dmm.hots; did you mean dmm.host?")]
    [InlineData(
        "\"dmm.host.memory\" = 5G",
        "/etc/dmm/dmm.conf, line 1, column 21: unknown setting \"dmm.host.memory\"; did you mean dmm.host.memory?")]
    [InlineData(
        "akka.actor.provider = remote",
        "/etc/dmm/dmm.conf, line 1, column 23: akka.actor.provider is 'remote'; it must be local: the actors of a host "
            + "have no port, and what nodes say to each other is set in dmm.cluster")]
    [InlineData("akka.actor.provider = \"Akka.Cluster.ClusterActorRefProvider, Akka.Cluster\"",
        "/etc/dmm/dmm.conf, line 1, column 23: akka.actor.provider is 'Akka.Cluster.ClusterActorRefProvider, Akka.Cluster'; it must be "
            + "local: the actors of a host have no port, and what nodes say to each other is set in dmm.cluster")]
    [InlineData(
        "akka { actor { provider = null } }",
        "/etc/dmm/dmm.conf, line 1, column 27: akka.actor.provider is null; it must be local: the actors of a host "
            + "have no port, and what nodes say to each other is set in dmm.cluster")]
    [InlineData(
        "akka { \"actor.provider\" = cluster }",
        "/etc/dmm/dmm.conf, line 1, column 27: akka.\"actor.provider\" is 'cluster'; it must be local: the actors of a host "
            + "have no port, and what nodes say to each other is set in dmm.cluster")]
    [InlineData(
        "akka.remote.dot-netty.tcp.port = 4053",
        "/etc/dmm/dmm.conf, line 1, column 34: akka.remote.dot-netty.tcp.port can't be set, like all of akka.remote: the actors of a host "
            + "have no port, and what nodes say to each other is set in dmm.cluster; remove it")]
    [InlineData(
        "akka.cluster { roles = [a] }",
        "/etc/dmm/dmm.conf, line 1, column 24: akka.cluster.roles can't be set, like all of akka.cluster: the actors of a host "
            + "have no port, and what nodes say to each other is set in dmm.cluster; remove it")]
    [InlineData(
        "akka.extensions = [\"A.B, C\"]",
        "/etc/dmm/dmm.conf, line 1, column 19: akka.extensions can't be set, like all of akka.extensions: the actors of a host "
            + "have no port, and what nodes say to each other is set in dmm.cluster; remove it")]
    [InlineData("akka = 5", "akka in /etc/dmm/dmm.conf is '5'; it must be a section, with Akka's own settings")]
    public void A_bad_setting_is_one_line_with_what_was_found_and_what_would_be_right(string text, string line)
    {
        var refusal = Assert.Throws<SettingsException>(() => DmmSettings.Parse(text, "/etc/dmm/dmm.conf"));

        Assert.Equal(line, Assert.Single(refusal.Faults));
    }

    [Fact]
    public void All_faults_of_a_file_come_together()
    {
        var refusal =
            Assert.Throws<SettingsException>(() => DmmSettings.Parse("dmm { host.memory = x, plan.period = y, oops = 1 }", "x.conf"));

        Assert.Equal(3, refusal.Faults.Count);
    }

    [Fact]
    public void The_example_file_is_sound()
    {
        var example = Path.Combine(RepositoryRoot(), "config", "dmm.conf");

        Assert.Equal(MemorySize.FromGiB(2), DmmSettings.Load(example).Host.Reserve);
    }

    internal static string RepositoryRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "DMM.sln")))
                return folder;
        }

        throw new InvalidOperationException("the tests do not run within the repository");
    }
}
