using Dmm.Contracts;

namespace Dmm.Cli.Tests.Verbs;

/// <summary>The requests that reach the daemon.</summary>
public sealed class RequestTests
{
    private static readonly DoneView Done = new("a", "done", []);

    [Theory]
    [InlineData("PATCH /api/v1/vms/a {\"minBytes\":null,\"maxBytes\":4294967296,\"shares\":5,\"restart\":null}", "vm", "set", "a", "--max",
        "4G", "--shares", "5")]
    [InlineData("POST /api/v1/vms/a/resize {\"bytes\":1610612736}", "vm", "resize", "a", "1.5GiB")]
    [InlineData("POST /api/v1/vms/a/resize {\"bytes\":null}", "vm", "resize", "a", "auto")]
    [InlineData("PATCH /api/v1/vms/a {\"minBytes\":null,\"maxBytes\":null,\"shares\":null,\"restart\":\"onFailure\"}", "vm", "set", "a",
        "--restart", "on-failure")]
    [InlineData("POST /api/v1/vms/a/stop {\"graceSeconds\":null,\"kill\":false}", "vm", "stop", "a")]
    [InlineData("POST /api/v1/vms/a/stop {\"graceSeconds\":0.5,\"kill\":false}", "vm", "stop", "a", "--grace", "500ms")]
    [InlineData("POST /api/v1/vms/a/stop {\"graceSeconds\":null,\"kill\":true}", "vm", "stop", "a", "--kill")]
    [InlineData("POST /api/v1/vms/a/stop {\"graceSeconds\":0,\"kill\":true}", "vm", "stop", "a", "--kill", "--grace", "0s")]
    [InlineData("POST /api/v1/vms/a/start {\"timeoutSeconds\":5,\"force\":null}", "vm", "start", "a", "--timeout", "5s")]
    [InlineData("POST /api/v1/vms/a/start {\"timeoutSeconds\":null,\"force\":true}", "vm", "start", "a", "--force")]
    [InlineData("POST /api/v1/vms/a/forget", "vm", "forget", "a")]
    [InlineData("POST /api/v1/vms/a/adopt {\"qmp\":\"/run/qmp.sock\",\"minBytes\":134217728,\"maxBytes\":1073741824,\"shares\":null}", "vm",
        "adopt", "a", "--qmp", "/run/qmp.sock", "--min", "128M", "--max", "1G")]
    [InlineData(
        "POST /api/v1/vms {\"name\":\"a\",\"minBytes\":134217728,\"bootBytes\":268435456,\"maxBytes\":2147483648,"
            + "\"shares\":null,\"cpus\":2,\"kernel\":\"/k\",\"initrd\":\"/i\",\"append\":\"console=ttyS0\","
            + "\"disk\":null,\"diskFormat\":null,"
            + "\"network\":null,\"channels\":null,\"restart\":\"always\","
            + "\"bootCheck\":\"none\",\"timeoutSeconds\":90,\"deadline\":null,\"priority\":7,\"bootPolicy\":\"early\"}",
        "vm", "create", "a", "--min", "128M", "--boot", "256M", "--max", "2G", "--cpus", "2", "--kernel", "/k", "--initrd", "/i",
        "--append", "console=ttyS0", "--timeout", "1.5m", "--priority", "7", "--boot-policy", "early", "--restart", "always",
        "--boot-check", "none")]
    public async Task A_verb_asks_for_what_was_said(string request, params string[] args)
    {
        await using var daemon = (await FakeDaemon.StartAsync())
            .On("POST /api/v1/vms", Done, System.Net.HttpStatusCode.Accepted).On("PATCH /api/v1/vms/a", Done)
            .On("POST /api/v1/vms/a/resize", Done)
            .On("POST /api/v1/vms/a/stop", Done).On("POST /api/v1/vms/a/start", Done).On("POST /api/v1/vms/a/forget", Done)
            .On("POST /api/v1/vms/a/adopt", Done);

        var result = await Command.RunAsync(daemon, args);

        Assert.Equal((0, "", "a: done\n"), (result.ExitCode, result.Error, result.Out));
        Assert.Equal(request, Assert.Single(daemon.Requests));
    }

    [Fact]
    public async Task A_path_is_made_absolute_from_where_the_command_runs()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("POST /api/v1/vms", Done);

        await Command.RunAsync(
            daemon, "vm", "create", "a", "--min", "1M", "--boot", "1M", "--max", "1M", "--disk", "images/../d.qcow2", "--disk-format",
            "raw");

        Assert.Contains(
            $"\"disk\":\"{Path.Combine(Environment.CurrentDirectory, "d.qcow2")}\",\"diskFormat\":\"raw\"", Assert.Single(daemon.Requests),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_spec_file_is_enough_and_options_go_before_it()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("POST /api/v1/vms", Done);
        var spec = Path.Combine(daemon.Folder, "web.conf");
        await File.WriteAllTextAsync(
            spec, "name = web, min = 128M, boot = 256M, max = 2G, kernel = vmlinuz, append = \"x=y\"\nchannels = [{ name = ga, socket = "
                + "ga.sock }]");

        Assert.Equal(0, (await Command.RunAsync(daemon, "vm", "create", "--spec", spec)).ExitCode);
        Assert.Equal(0, (await Command.RunAsync(daemon, "vm", "create", "web-2", "--spec", spec, "--max", "4G", "--disk", "/d.raw"))
            .ExitCode);

        var requests = daemon.Requests.ToArray();
        Assert.Contains(
            $"{{\"name\":\"web\",\"minBytes\":134217728,\"bootBytes\":268435456,\"maxBytes\":2147483648,"
            + $"\"shares\":null,\"cpus\":null,\"kernel\":\"{daemon.Folder}/vmlinuz\",\"initrd\":null,\"append\":\"x=y\",\"disk\":null",
            requests[0], StringComparison.Ordinal);
        Assert.Contains(
            $"\"channels\":[{{\"name\":\"ga\",\"socket\":\"{daemon.Folder}/ga.sock\"}}]",
            requests[0], StringComparison.Ordinal);
        Assert.Contains(
            "{\"name\":\"web-2\",\"minBytes\":134217728,\"bootBytes\":268435456,\"maxBytes\":4294967296,"
            + "\"shares\":null,\"cpus\":null,\"kernel\":null,\"initrd\":null,\"append\":null,\"disk\":\"/d.raw\"",
            requests[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "name = web, min = 128M, boot = 256M", "dmm: max is missing in FILE (Never more than this); write it there, or give --max SIZE")]
    [InlineData(
        "name = \"a/b\", min = 1M",
        "dmm: name in FILE is 'a/b'; it must be a VM's name: 1 to 48 letters, digits, '.', '-' and '_', starting with a letter or digit")]
    [InlineData("name = web\nmin = ${x}", "dmm: FILE, line 2, column 7: substitutions (${…}) are not supported; write the value itself")]
    [InlineData("nmae = web", "dmm: FILE, line 1, column 8: unknown key nmae; did you mean name?")]
    [InlineData("name = web\nmin = {", "dmm: FILE, line 2, column 7: the '{' that opens here is never closed")]
    public async Task A_bad_spec_is_used_wrongly(string text, string line)
    {
        await using var daemon = await FakeDaemon.StartAsync();
        var spec = Path.Combine(daemon.Folder, "web.conf");
        await File.WriteAllTextAsync(spec, text);

        var result = await Command.RunAsync(daemon, "vm", "create", "--spec", spec);

        Assert.Equal((2, line.Replace("FILE", spec, StringComparison.Ordinal) + "\n"), (result.ExitCode, result.Error));
        Assert.Empty(daemon.Requests);
    }

    [Theory]
    [InlineData("2026-01-31T08:00:00Z", "2026-01-31T08:00:00.0000000Z")]
    [InlineData("2026-01-31T08:00:00.25+02:00", "2026-01-31T06:00:00.2500000Z")]
    public async Task Events_are_asked_for_since_a_time(string since, string asked)
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/events", Array.Empty<EventView>());

        var result = await Command.RunAsync(daemon, "events", "--since", since);

        Assert.Equal((0, ""), (result.ExitCode, result.Out));
        Assert.Equal($"GET /api/v1/events?since={Uri.EscapeDataString(asked)}", Assert.Single(daemon.Requests));
    }

    [Fact]
    public async Task Events_are_asked_for_since_some_time_ago()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/events", Array.Empty<EventView>());

        await Command.RunAsync(daemon, "events", "--since", "10m");

        var asked = DateTimeOffset.Parse(Uri.UnescapeDataString(Assert.Single(daemon.Requests).Split('=')[1]));
        Assert.InRange(DateTimeOffset.UtcNow - asked, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(11));
    }
}
