namespace Dmm.Cli.Tests.Verbs;

/// <summary>The output that people see, in 80 columns and in a pipe.</summary>
public sealed class ScreenTests
{
    private const string Escape = "\u001b";

    [Fact]
    public async Task The_host_is_shown()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/host", Samples.Host);

        var result = await Command.RunAsync(daemon, "host", "show");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("", result.Error);
        Assert.Equal(
            [
                "host          dmm@127.0.0.1:4711  qemu",
                "state         ready",
                "memory        64 GiB  that DMM governs",
                "reserve       2 GiB  for the host itself",
                "claims        40 GiB  of 12 VMs",
                "reservations  512 MiB  for VMs to come",
                "free          21.5 GiB",
                "cushion       3 GiB  kept free for fast growth",
                "overcommit    2.50  sum of max ÷ memory for guests",
                "available     23 GiB  on the host now",
                "pressure      some 0.25 %, full 0 %  of the last 10 s stalled for memory",
                "",
            ],
            result.Lines[..12]);
        Assert.Equal("WAITING  STATE    PRIORITY  WANTS    LACKS  UNTIL                    WHY", result.Lines[12]);
        Assert.Matches(@"^db-2     waiting         0  4 GiB  512 MiB  2026-\S+ \S+  web-1 gives 512 MiB$", result.Lines[13]);
    }

    [Fact]
    public async Task A_host_in_trouble_says_so_first()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On(
            "GET /api/v1/host",
            Samples.Host with { State = "degraded", Problems = ["the journal is full"], DeficitBytes = 1L << 30, Admissions = [] });

        var result = await Command.RunAsync(daemon, "host", "show");

        Assert.Equal(
            ["problem: the journal is full", "problem: claims exceed memory by 1 GiB; nothing is granted until they fit again"],
            result.Lines[..2]);
    }

    [Fact]
    public async Task Who_waits_for_whose_memory_is_a_table_and_a_lowered_memory_says_why()
    {
        const long Mi = 1L << 20;
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/host", Samples.Host with
        {
            MemoryBytes = 48L << 30,
            ConfiguredMemoryBytes = 64L << 30,
            MemoryWhy = "others grew",
            Waits = [new("web-1", 300 * Mi, true, [new("db", 200 * Mi)])],
            Operations = [new("db", true, true, true)],
            Held = [new("idle", DateTimeOffset.UnixEpoch)],
            Admissions = [],
        });

        var result = await Command.RunAsync(daemon, "host", "show");

        Assert.Contains("memory        48 GiB  of 64 GiB set: others grew", result.Lines);
        Assert.Contains("moving        1 by balloon, 1 by hotplug; 1 wait for their turn", result.Lines);
        Assert.Equal(
            ["LACKS MEMORY    LACKS  COMES FROM", "web-1 !       300 MiB  db (200 MiB), nobody yet (100 MiB)"], result.Lines[^2..]);
    }

    [Fact]
    public async Task VMs_are_a_table()
    {
        var second = Samples.Vm with { Id = "db", State = "growing", DemandBytes = null, Warnings = ["no agent"], MaxBytes = 100L << 30 };
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms", new[] { Samples.Vm, second });

        var result = await Command.RunAsync(daemon, "vm", "list");

        Assert.Equal(
            [
                "NAME   STATE        ACTUAL    TARGET    DEMAND      MIN      MAX",
                "web-1  settled    1.23 GiB  1.23 GiB  1.07 GiB  128 MiB    2 GiB",
                "db     growing !  1.23 GiB  1.23 GiB         –  128 MiB  100 GiB",
                "! has warnings: dmm vm show NAME",
            ],
            result.Lines);
    }

    [Fact]
    public async Task No_VMs_are_a_table_with_its_heads_alone()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms", Array.Empty<object>());

        Assert.Equal(["NAME  STATE  ACTUAL  TARGET  DEMAND  MIN  MAX"], (await Command.RunAsync(daemon, "vm", "list")).Lines);
    }

    [Fact]
    public async Task A_VM_is_shown_with_its_warnings_first()
    {
        var vm = Samples.Vm with
        {
            Warnings = ["the guest puts new memory offline; set memhp_default_state=online"],
            OperatorTargetBytes = 1L << 30,
            Why = "as told",
        };
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1", vm);

        var result = await Command.RunAsync(daemon, "vm", "show", "web-1");

        Assert.Equal("warning: the guest puts new memory offline; set memhp_default_state=online", result.Lines[0]);
        Assert.Contains("state            settled  as told", result.Lines);
        Assert.Contains("actual           1.23 GiB  base + plugged − ballooned", result.Lines);
        Assert.Contains("target           1.23 GiB  set by hand; dmm vm resize NAME auto ends that", result.Lines);
        Assert.Contains("max              2 GiB  16.3 GiB at most without a restart", result.Lines);
        Assert.Contains("hypervisor       qemu  pid 4242, launched by DMM", result.Lines);
        Assert.Contains("operator QMP     /var/lib/dmm/vms/web-1/operator.sock", result.Lines);
        Assert.Contains(
            "guest hotplug    auto-online online, policy auto-movable (ratio 50), memmap_on_memory Y, blocks of 128 MiB", result.Lines);
    }

    [Theory]
    [InlineData("vm", "list")]
    [InlineData("vm", "show", "web-1")]
    [InlineData("host", "show")]
    public async Task Eighty_columns_are_enough(params string[] args)
    {
        var vm = Samples.Vm with
        {
            Id = "web-1",
            State = "uncooperative",
            Warnings = [string.Concat(Enumerable.Repeat("long words ", 20))],
            Why = string.Concat(Enumerable.Repeat("reasons ", 20)),
        };
        await using var daemon = (await FakeDaemon.StartAsync())
            .On("GET /api/v1/vms", new[] { vm })
            .On("GET /api/v1/vms/web-1", vm)
            .On("GET /api/v1/host", Samples.Host);

        var result = await Command.RunAsync(daemon, width: 80, colours: false, args);

        Assert.All(result.Lines, l => Assert.True(l.Length <= 80, $"{l.Length}: {l}"));
        Assert.Contains("web-1", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_gets_no_colours_and_unwrapped_lines_and_a_terminal_gets_colours()
    {
        var vm = Samples.Vm with { Warnings = [string.Concat(Enumerable.Repeat("word ", 60)).TrimEnd()] };
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1", vm);

        var pipe = await Command.RunAsync(daemon, "vm", "show", "web-1");
        var terminal = await Command.RunAsync(daemon, width: 80, colours: true, "vm", "show", "web-1");

        Assert.DoesNotContain(Escape, pipe.Out, StringComparison.Ordinal);
        Assert.Equal($"warning: {vm.Warnings[0]}", pipe.Lines[0]);
        Assert.Contains(Escape, terminal.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_s_words_can_t_steer_the_terminal()
    {
        var vm = Samples.Vm with { Guest = Samples.Vm.Guest! with { Kernel = $"6.1{Escape}[2J[red]\u009b31m" } };
        await using var daemon = (await FakeDaemon.StartAsync()).On("GET /api/v1/vms/web-1", vm);

        var result = await Command.RunAsync(daemon, "vm", "show", "web-1");

        Assert.Contains("6.1·[2J[red]·31m", result.Out, StringComparison.Ordinal);
        Assert.DoesNotContain(Escape, result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_are_lines()
    {
        await using var daemon = (await FakeDaemon.StartAsync()).On(
            "GET /api/v1/events",
            new[]
            {
                Samples.Event(1, "granted", "grows from 1 GiB to 2 GiB: demand"),
                Samples.Event(2, "started", "dmmd is here", vm: null),
            });

        var result = await Command.RunAsync(daemon, "events");

        Assert.Matches(@"^2026-01-31 \d\d:00:01\.000  web-1  granted  grows from 1 GiB to 2 GiB: demand$", result.Lines[0]);
        Assert.Matches(@"^2026-01-31 \d\d:00:02\.000  started  dmmd is here$", result.Lines[1]);
    }
}
