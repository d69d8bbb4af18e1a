using System.Net;
using System.Net.Sockets;
using Dmm.Contracts;
using Microsoft.AspNetCore.Http;

namespace Dmm.Cli.Tests;

/// <summary>
/// Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 daemon not reached; each error has one line that says what would be right.
/// </summary>
public sealed class ExitCodeTests
{
    [Theory]
    [InlineData("dmm: a verb is missing; there are host, vm, cluster, events, lab (--help says more)")]
    [InlineData("dmm: a verb is missing; there are list, show, explain, create, adopt, set, resize, stop, start, forget (--help says more)",
        "vm")]
    [InlineData("dmm: no verb 'lst'; there are list, show, explain, create, adopt, set, resize, stop, start, forget (--help says more)",
        "vm", "lst")]
    [InlineData("dmm: no verb 'hots'; there are host, vm, cluster, events, lab (--help says more)", "hots")]
    [InlineData("dmm: no verb 'help'; there are host, vm, cluster, events, lab (--help says more)", "help")]
    [InlineData("dmm: --socket is ''; it must be the path of dmmd's socket", "vm", "list", "--socket", "")]
    [InlineData("dmm: --min is '512'; it must be a size such as 256M or 1.5GiB: 512 has no unit; did you mean 512M?", "vm", "set", "a",
        "--min", "512")]
    [InlineData("dmm: --boot is '1073741824'; it must be a size such as 256M or 1.5GiB: 1073741824 has no unit; did you mean 1G?", "vm",
        "create", "a", "--boot", "1073741824")]
    [InlineData("dmm: SIZE is '600'; it must be a size such as 256M or 1.5GiB, or auto: 600 has no unit; did you mean 600M?", "vm",
        "resize", "a", "600")]
    [InlineData("dmm: unknown argument '--jsn'", "vm", "list", "--jsn")]
    [InlineData("dmm: NAME is missing", "vm", "show")]
    [InlineData("dmm: NAME is '../etc'; it must be a VM's name: 1 to 48 letters, digits, '.', '-' and '_', starting with a letter or digit",
        "vm", "show", "../etc")]
    [InlineData("dmm: NAME is ''; it must be a VM's name: 1 to 48 letters, digits, '.', '-' and '_', starting with a letter or digit", "vm",
        "show", "")]
    [InlineData("dmm: --max is 'huge'; it must be a size such as 256M or 1.5GiB", "vm", "set", "a", "--max", "huge")]
    [InlineData("dmm: --max is '-1G'; it must be a size such as 256M or 1.5GiB", "vm", "set", "a", "--max", "-1G")]
    [InlineData("dmm: --max needs a value", "vm", "set", "a", "--max")]
    [InlineData("dmm: --shares is '1.5'; it must be a whole number", "vm", "set", "a", "--shares", "1.5")]
    [InlineData("dmm: NODE is missing", "cluster", "down")]
    [InlineData("dmm: NODE is 'A b'; it must be a node's name: 1 to 63 lower-case letters, digits, '.', '-' and '_', starting with a "
        + "letter or digit", "cluster", "leave", "A b")]
    [InlineData("dmm: nothing to set; give --min, --max, --shares or --restart", "vm", "set", "a")]
    [InlineData("dmm: SIZE is 'big'; it must be a size such as 256M or 1.5GiB, or auto", "vm", "resize", "a", "big")]
    [InlineData("dmm: SIZE is missing", "vm", "resize", "a")]
    [InlineData("dmm: --qmp is missing", "vm", "adopt", "a", "--min", "1G", "--max", "2G")]
    [InlineData("dmm: NAME, --qmp, --min, --max are missing", "vm", "adopt")]
    [InlineData("dmm: --max is given more than once", "vm", "set", "a", "--max", "1G", "--max", "2G")]
    [InlineData("dmm: unknown argument 'b'", "vm", "show", "a", "b")]
    [InlineData("dmm: --grace 0s gives the guest no time to power down; give it longer, or add --kill to end its process at once", "vm",
        "stop", "a", "--grace", "0s")]
    [InlineData("dmm: --restart is 'sometimes'; it must be never, on-failure or always", "vm", "set", "a", "--restart", "sometimes")]
    [InlineData("dmm: --grace is '30'; it must be a number and a unit (ms, s, m, h, d), such as 500ms, 1.5s or 2m", "vm", "stop", "a",
        "--grace", "30")]
    [InlineData(
        "dmm: --since is 'yesterday'; it must be a time such as 2026-01-31T08:00 (local) or 2026-01-31T08:00:00Z, or how long ago, such "
            + "as 10m", "events", "--since", "yesterday")]
    [InlineData("dmm: --min SIZE is missing (The guarantee: never less than this); give it, or a spec file with --spec", "vm", "create",
        "a")]
    [InlineData("dmm: NAME is missing (the VM's name); give it, or a spec file with --spec", "vm", "create", "--min", "1G")]
    [InlineData("dmm: /nowhere/vm.conf does not exist", "vm", "create", "--spec", "/nowhere/vm.conf")]
    [InlineData("dmm: --network is 'bridge'; it must be none or user", "vm", "create", "a", "--network", "bridge")]
    [InlineData("dmm: --boot-policy is 'later'; it must be full or early", "vm", "create", "a", "--boot-policy", "later")]
    [InlineData("dmm: --deadline is 'soon'; it must be a time such as 2026-01-31T08:00 (local) or 2026-01-31T08:00:00Z", "vm", "create",
        "a", "--deadline", "soon")]
    [InlineData("dmm: --priority is '-1'; it must be a whole number", "vm", "create", "a", "--priority", "-1")]
    public async Task Used_wrongly(string line, params string[] args)
    {
        var result = await Command.RunAloneAsync(args);

        Assert.Equal($"{line}\n", result.Error);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("", result.Out);
    }

    [Theory]
    [InlineData("vm", "show", "LONG")]
    [InlineData("vm", "set", "a", "--min", "LONG")]
    [InlineData("vm", "set", "a", "--shares", "LONG")]
    [InlineData("vm", "show", "a", "LONG")]
    [InlineData("LONG")]
    [InlineData("vm", "stop", "a", "--grace", "LONG")]
    [InlineData("events", "--since", "LONG")]
    [InlineData("vm", "create", "a", "--network", "LONG")]
    [InlineData("host", "show", "--socket", "/LONG")]
    public async Task A_long_argument_is_not_repeated_in_full(params string[] args)
    {
        var given = new string('x', 5_000);

        var result = await Command.RunAloneAsync([.. args.Select(a => a.Replace("LONG", given, StringComparison.Ordinal))]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("xxx…", result.Error, StringComparison.Ordinal);
        Assert.InRange(result.Error.Length, 1, 300);
    }

    [Theory]
    [InlineData("vm", "set", "a", "--shares", "3")]
    [InlineData("vm", "resize", "a", "auto")]
    [InlineData("vm", "forget", "a")]
    [InlineData("vm", "start", "a")]
    [InlineData("vm", "adopt", "a", "--qmp", "/q", "--min", "1G", "--max", "1G")]
    [InlineData("vm", "create", "a", "--min", "1G", "--boot", "1G", "--max", "1G")]
    [InlineData("vm", "create", "a", "--min", "1G", "--boot", "1G", "--max", "1G", "--dry-run")]
    [InlineData("vm", "create", "a", "--min", "1G", "--boot", "1G", "--max", "1G", "--wait")]
    [InlineData("vm", "stop", "a")]
    [InlineData("vm", "stop", "a", "--wait")]
    [InlineData("vm", "show", "a")]
    [InlineData("vm", "explain", "a")]
    [InlineData("vm", "list")]
    [InlineData("host", "show")]
    [InlineData("events")]
    public async Task An_answer_without_what_it_must_hold_is_one_line(params string[] args)
    {
        foreach (var answer in (string[])["{}", "[{}]", "null", "[]", "{\"vm\": null, \"text\": null, \"notes\": null}"])
        {
            await using var daemon = await FakeDaemon.StartAsync();
            daemon.OnAll(async context =>
            {
                context.Response.ContentType = "application/json";
                await context.Response.WriteAsync(answer);
            });

            var result = await Command.RunAsync(daemon, args);

            if (answer == "[]" && args is ["vm", "list"] or ["events"])
                continue;
            Assert.Equal(1, result.ExitCode);
            Assert.StartsWith($"dmm: dmmd at {daemon.Socket} answers ", result.Error, StringComparison.Ordinal);
            Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
            Assert.DoesNotMatch(@"System\.|Dmm\.|Exception", result.Error);
        }
    }

    [Fact]
    public async Task Another_web_server_is_not_the_daemon()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).OnAll(async context =>
        {
            context.Response.ContentType = "text/html";
            await context.Response.WriteAsync("<html>It works!</html>");
        });

        var result = await Command.RunAsync(daemon, "host", "show");

        Assert.Equal(
            (3, $"dmm: something answers at {daemon.Socket}, but it is not dmmd: its answer to GET /api/v1/host is not JSON\n"),
            (result.ExitCode, result.Error));
    }

    [Theory]
    [InlineData("/", "a folder")]
    [InlineData("/etc/passwd", "a regular file")]
    [InlineData("/dev/null", "a device")]
    public async Task What_is_no_socket_is_said_to_be_none(string path, string what)
    {
        var result = await Command.RunAloneAsync("host", "show", "--socket", path);

        Assert.Equal(
            (3, $"dmm: {path} is {what}, not the socket of dmmd; --socket or DMM_SOCKET name another\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_socket_that_no_socket_can_be_is_used_wrongly()
    {
        var path = $"/tmp/{new string('x', 120)}";

        var result = await Command.RunAloneAsync("host", "show", "--socket", path);

        Assert.Equal(
            (2, $"dmm: the socket {path[..60]}… has a path of more than 107 bytes, which no Unix socket can have\n"),
            (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task What_the_daemon_finds_invalid_is_used_wrongly()
    {
        await using var daemon = (await FakeDaemon.StartAsync())
            .On("PATCH /api/v1/vms/a", new ErrorView("max 1 GiB is below min 2 GiB; max must be at least min", "invalid"),
                HttpStatusCode.BadRequest);

        var result = await Command.RunAsync(daemon, "vm", "set", "a", "--max", "1G");

        Assert.Equal((2, "dmm: max 1 GiB is below min 2 GiB; max must be at least min\n"), (result.ExitCode, result.Error));
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound, "notFound")]
    [InlineData(HttpStatusCode.Conflict, "conflict")]
    [InlineData(HttpStatusCode.UnprocessableEntity, "refused")]
    [InlineData(HttpStatusCode.ServiceUnavailable, "failed")]
    public async Task What_the_daemon_refuses_has_failed(HttpStatusCode status, string kind)
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/a", new ErrorView("there is no VM a", kind), status);

        var result = await Command.RunAsync(daemon, "vm", "show", "a");

        Assert.Equal((1, "dmm: there is no VM a\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_daemon_that_breaks_has_failed()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/host", context =>
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return Task.CompletedTask;
        });

        var result = await Command.RunAsync(daemon, "host", "show");

        Assert.Equal((1, "dmm: dmmd answered 500 Internal Server Error to GET /api/v1/host\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task An_answer_that_is_none_has_failed()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/host", new { somethingElse = true });

        var result = await Command.RunAsync(daemon, "host", "show");

        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith(
            $"dmm: dmmd at {daemon.Socket} answers GET /api/v1/host in a way that this dmm does not understand; are both of one release? (",
            result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task No_socket_is_not_reached()
    {
        var result = await Command.RunAloneAsync("host", "show", "--socket", "/nowhere/dmm.sock");

        Assert.Equal(
            (3, "dmm: there is no socket /nowhere/dmm.sock; is dmmd running? --socket or DMM_SOCKET name another\n"),
            (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_at_is_not_reached()
    {
        await using var daemon = await FakeDaemon.StartAsync();
        var path = Path.Combine(daemon.Folder, "left.sock");
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // .NET deletes the socket's file when it closes the socket; a daemon that was killed leaves it.
            left.Bind(new UnixDomainSocketEndPoint(path + ".old"));
            File.Move(path + ".old", path);
        }

        var result = await Command.RunAloneAsync("host", "show", "--socket", path);

        Assert.Equal((3, $"dmm: nobody listens at {path}; is dmmd running?\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_daemon_that_goes_away_in_mid_answer_is_not_reached()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("POST /api/v1/vms/a/forget", context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });

        var result = await Command.RunAsync(daemon, "vm", "forget", "a");

        Assert.Equal((3, $"dmm: dmmd at {daemon.Socket} went away before it answered\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task Something_else_that_listens_there_is_not_the_daemon()
    {
        await using var daemon = await FakeDaemon.StartAsync();
        var path = Path.Combine(daemon.Folder, "qmp.sock");
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(path));
        other.Listen();
        var greeting = Task.Run(async () =>
        {
            using var client = await other.AcceptAsync();
            await client.ReceiveAsync(new byte[4096]);
            await client.SendAsync("{\"QMP\": {}}\r\n"u8.ToArray());
        });

        var result = await Command.RunAloneAsync("host", "show", "--socket", path);
        await greeting;

        Assert.Equal(
            (3, $"dmm: something answers at {path}, but it is not dmmd: it does not speak HTTP\n"), (result.ExitCode, result.Error));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("vm", "create", "--help")]
    [InlineData("vm", "show", "-h")]
    [InlineData("--version")]
    public async Task Help_is_done(params string[] args)
    {
        var result = await Command.RunAloneAsync(args);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.NotEmpty(result.Out);
    }
}
