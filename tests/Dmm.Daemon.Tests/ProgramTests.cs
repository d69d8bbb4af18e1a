using Dmm.Daemon.Hosting;
using Dmm.Daemon.Tests.Hosting;
using Dmm.Files;

namespace Dmm.Daemon.Tests;

/// <summary>Tests of dmmd from outside: its sockets, its exit code, and one line for each error.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly DaemonProgram _dmmd = new();

    public void Dispose() => _dmmd.Dispose();

    [Fact]
    public async Task It_listens_on_its_socket_alone_and_ends_in_good_order()
    {
        var dmmd = _dmmd.Start("--config", _dmmd.Settings());
        await _dmmd.ReadyAsync(dmmd);

        // The .NET runtime has its own diagnostics socket, which only its owner may use.
        var (diagnostics, others) = Split(Listening.Of(dmmd.Id), l => l.Contains("/dotnet-diagnostic-", StringComparison.Ordinal));
        Assert.Equal([$"unix {_dmmd.Socket}"], others);
        Assert.All(
            diagnostics, l => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, FileFacts.At(l["unix ".Length..])!.Value.Mode));

        DaemonProgram.SendTerminate(dmmd);
        var (code, _, error) = await DaemonProgram.EndOfAsync(dmmd);
        Assert.Equal((0, "", false), (code, error, File.Exists(_dmmd.Socket)));
    }

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public async Task With_a_port_it_listens_there_too_and_nowhere_else()
    {
        var port = TcpTests.FreePort();
        var dmmd = _dmmd.Start("--config", _dmmd.Settings($"http.port = {port}"));
        await _dmmd.ReadyAsync(dmmd);

        var tcp = Listening.Of(dmmd.Id).Where(l => !l.StartsWith("unix", StringComparison.Ordinal));

        Assert.EndsWith($":{port:X4}", Assert.Single(tcp), StringComparison.Ordinal);
    }

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("extra", "unknown argument 'extra'; there are journal, pki (--help says more)")]
    [InlineData("--bogus", "unknown argument '--bogus'; there are journal, pki (--help says more)")]
    [InlineData("--config", "--config needs a value")]
    [InlineData("--config /a --config /b", "--config is given more than once")]
    [InlineData("journal", "a verb is missing; there are check, rebuild (--help says more)")]
    [InlineData("journal check --bogus", "unknown argument '--bogus' (--help says more)")]
    [InlineData("--config ", "the path of the file is empty, or holds a zero byte")]
    [InlineData("--config /nowhere/dmm.conf", "/nowhere/dmm.conf does not exist")]
    [InlineData("--config /dev/zero", "/dev/zero is a device; a regular file is needed")]
    [InlineData("--config /", "/ is a folder; a file is needed")]
    public async Task What_it_is_given_wrongly_is_one_line_and_exit_code_2(string arguments, string line) =>
        Assert.Equal((ExitCodes.Usage, "", $"dmmd: {line}\n"), await _dmmd.RunAsync(arguments.Split(' ')));

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData(
        "socket-group = nosuchgroup", "",
        "dmm.socket-group is 'nosuchgroup'; there is no such group on this host (getent group lists all groups)")]
    [InlineData("qemu.tb-size = 7MiB", "", "dmm.qemu.tb-size in CONF is '7MiB'; it must be a size from 8MiB to 1GiB")]
    [InlineData(
        "", "akka.loglevel = LOUD", "Akka does not start with the settings in section akka: ArgumentException: Unknown LogLevel: \"LOUD\"")]
    [InlineData(
        "", "akka.scheduler.tick-duration = 0ms",
        "CONF, line 6, column 32: akka.scheduler.tick-duration is '0ms'; it must be a duration from 10ms to 1s")]
    [InlineData(
        "", "akka.persistence = 5",
        "CONF, line 6, column 20: akka.persistence can't be set, like all of akka.persistence: DMM sets it itself; remove it")]
    [InlineData(
        "plan.step = 16", "", "dmm.plan.step in CONF is '16'; it must be a size from 1MiB to 1GiB: 16 has no unit; did you mean 16M?")]
    [InlineData("", "akka.actor.default-dispatcher.type = Bogus", "")]
    [InlineData(
        "", "akka.actor.provider = cluster",
        "CONF, line 6, column 23: akka.actor.provider is 'cluster'; it must be local: the actors of a host have no port, and "
            + "what nodes say to each other is set in dmm.cluster")]
    public async Task A_setting_that_can_not_be_is_one_line_and_exit_code_2(string dmm, string more, string line)
    {
        var conf = _dmmd.Settings(dmm, more);

        var (code, output, error) = await _dmmd.RunAsync("--config", conf);

        Assert.Equal((ExitCodes.Usage, ""), (code, output));
        Assert.StartsWith($"dmmd: {line.Replace("CONF", conf, StringComparison.Ordinal)}", error, StringComparison.Ordinal);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
        Assert.False(File.Exists(_dmmd.Socket));
    }

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData(Thing.Regular, ExitCodes.Usage, "is a regular file")]
    [InlineData(Thing.Folder, ExitCodes.Usage, "is a folder")]
    [InlineData(Thing.LiveSocket, ExitCodes.Failed, "is in use")]
    public async Task What_stands_where_its_socket_is_to_be_stays_and_it_ends(Thing thing, int code, string what)
    {
        using var standing = new Standing(thing);

        var end = await _dmmd.RunAsync("--config", _dmmd.Settings(socket: standing.Path));

        Assert.Equal((code, ""), (end.Code, end.Output));
        Assert.StartsWith("dmmd: dmm.socket ", end.Error, StringComparison.Ordinal);
        Assert.Contains(what, end.Error, StringComparison.Ordinal);
        Assert.Equal(end.Error.Length - 1, end.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Equal(standing.Before, standing.Picture());
    }

    [Fact]
    public async Task A_socket_where_the_kernel_makes_none_is_one_line()
    {
        var (code, output, error) = await _dmmd.RunAsync("--config", _dmmd.Settings(socket: "/proc/d.sock"));
        Assert.Equal((ExitCodes.Failed, ""), (code, output));
        Assert.Matches("^dmmd: dmm.socket /proc/d.sock can't be made: [^\n]*\n$", error);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_one_line()
    {
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        var (code, output, error) = await _dmmd.RunAsync("--config", _dmmd.Settings($"http.port = {port}"));
        Assert.Equal((ExitCodes.Failed, ""), (code, output));
        Assert.Matches($"^dmmd: dmm.http.port {port} of 127.0.0.1 can't be listened on: [^\n]*\n$", error);
        Assert.False(File.Exists(_dmmd.Socket));
    }

    [Fact]
    public async Task A_settings_file_that_is_a_pipe_hangs_nobody()
    {
        using var pipe = new Standing(Thing.Pipe);
        Assert.Equal(
            (ExitCodes.Usage, "", $"dmmd: {pipe.Path} is a named pipe; a regular file is needed\n"),
            await _dmmd.RunAsync("--config", pipe.Path));
    }

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public async Task Without_standard_output_and_error_it_runs_and_writes_into_no_file_of_its_own()
    {
        var dmmd = _dmmd.StartBy(["sh", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"], "--config", _dmmd.Settings());
        await _dmmd.ReadyAsync(dmmd);
        DaemonProgram.SendTerminate(dmmd);
        await dmmd.WaitForExitAsync().WaitAsync(DaemonFixture.Deadline);
        Assert.Equal(0, dmmd.ExitCode);
    }

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    public async Task Where_nobody_can_be_told_the_exit_code_still_tells(string redirection)
    {
        var dmmd = _dmmd.StartBy(["sh", "-c", $"exec \"$0\" \"$@\" {redirection}"], "--config", "/nowhere/dmm.conf");
        Assert.Equal(ExitCodes.Usage, (await DaemonProgram.EndOfAsync(dmmd)).Code);
    }

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public async Task Requests_that_can_not_be_leave_nothing_in_its_log()
    {
        var dmmd = _dmmd.Start("--config", _dmmd.Settings());
        await _dmmd.ReadyAsync(dmmd);
        // No more is sent than the daemon reads before it answers.
        var chunk = $"100001\r\n{new string(' ', 0x100001)}\r\n0\r\n\r\n";
        foreach (var (head, body) in ((string, string)[])[("Content-Length: 104857600", ""), ("Transfer-Encoding: chunked", chunk)])
        {
            using var socket = new System.Net.Sockets.Socket(
                System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
            await socket.ConnectAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(_dmmd.Socket));
            await using var stream = new System.Net.Sockets.NetworkStream(socket);
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(
                $"POST /api/v1/vms HTTP/1.1\r\nHost: dmm\r\nConnection: close\r\n{head}\r\n\r\n{body}"));
            var answer = new byte[12];
            await stream.ReadExactlyAsync(answer).AsTask().WaitAsync(DaemonFixture.Deadline);
            Assert.Equal("HTTP/1.1 413", System.Text.Encoding.ASCII.GetString(answer));
        }

        DaemonProgram.SendTerminate(dmmd);
        var (code, output, error) = await DaemonProgram.EndOfAsync(dmmd);
        Assert.Equal((0, ""), (code, error));
        Assert.DoesNotContain("xception", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    private static (IReadOnlyList<string> These, IReadOnlyList<string> Others) Split(IReadOnlyList<string> all, Func<string, bool> which) =>
        ([.. all.Where(which)], [.. all.Where(l => !which(l))]);
}
