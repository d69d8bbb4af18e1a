using System.Diagnostics;
using System.Globalization;
using Dmm.Core;
using Dmm.Daemon.Hosting;
using Dmm.Settings;

namespace Dmm.Daemon.Tests;

/// <summary>Daemons of one host see each other, and none promises memory that another promises. Each test has its own register.</summary>
public sealed class RegisterTests : IDisposable
{
    private readonly DaemonProgram _dmmd = new();

    private string Register => _dmmd.In("register");

    public void Dispose() => _dmmd.Dispose();

    [Theory]
    [InlineData("auto", "auto", "governs all memory of this host (its dmm.host.memory is auto)")]
    [InlineData("auto", "256MiB", "governs all memory of this host (its dmm.host.memory is auto)")]
    [InlineData("256MiB", "auto", "dmm.host.memory is auto, which is all memory of this host, but another dmmd")]
    [InlineData("60%", "60%", "together more than the")]
    public async Task The_second_daemon_that_would_promise_the_same_memory_is_refused_in_one_line(string first, string second, string why)
    {
        var one = await RunsAsync("one", first);

        var (code, output, error) = await _dmmd.RunAsync("--config", Settings("two", second));

        Assert.Equal((ExitCodes.Usage, ""), (code, output));
        Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.Contains(why, error, StringComparison.Ordinal);
        Assert.Contains($"process {one.Id} with dmm.state-dir {_dmmd.In("one")}", error, StringComparison.Ordinal);
        Assert.Matches("give each a size of its own for dmm.host.memory|are left for", error);
        Assert.False(one.HasExited);
    }

    [Fact]
    public async Task Daemons_whose_parts_fit_run_side_by_side_and_each_leaves_when_it_ends()
    {
        var one = await RunsAsync("one", "256MiB");
        var two = await RunsAsync("two", "256MiB");
        Assert.Equal(2, Entries().Length);

        foreach (var process in new[] { one, two })
        {
            DaemonProgram.SendTerminate(process);
            Assert.Equal(0, (await DaemonProgram.EndOfAsync(process)).Code);
        }

        Assert.Empty(Entries());
    }

    [Fact]
    public async Task A_daemon_that_was_killed_holds_nothing_and_its_file_is_removed()
    {
        var one = await RunsAsync("one", "auto");
        var left = Assert.Single(Entries());
        one.Kill();
        await one.WaitForExitAsync();
        Assert.Equal([left], Entries());

        await RunsAsync("two", "auto");

        Assert.NotEqual(left, Assert.Single(Entries()));
    }

    [Fact]
    public async Task What_is_no_daemons_is_named_in_the_log_and_left_alone()
    {
        Directory.CreateDirectory(Register);
        string[] foreign = [Path.Combine(Register, "dmmd-1.json"), Path.Combine(Register, "notes"), Path.Combine(Register, "dmmd-2.json")];
        File.WriteAllText(foreign[0], """{"stateDir":"/x","pid":-5,"memoryBytes":"auto"}""");
        File.WriteAllText(foreign[1], "of somebody");
        File.CreateSymbolicLink(foreign[2], foreign[1]);

        var one = await RunsAsync("one", "auto");

        DaemonProgram.SendTerminate(one);
        var (code, output, error) = await DaemonProgram.EndOfAsync(one);
        Assert.Equal((0, ""), (code, error));
        Assert.All(foreign, path => Assert.Contains(path, output, StringComparison.Ordinal));
        Assert.All(foreign, path => Assert.True(File.Exists(path)));
        Assert.Equal("of somebody", File.ReadAllText(foreign[1]));
    }

    [Fact]
    public void A_damaged_file_that_a_process_holds_may_be_any_daemons_so_none_starts_beside_it()
    {
        Directory.CreateDirectory(Register);
        var path = Path.Combine(Register, "dmmd-1.json");
        using var held = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);

        var fault = Assert.Throws<StartException>(() => HostRegister.Enter(Register, "/s", MemorySize.FromMiB(256), HostMemory.OfHost));

        Assert.Equal(ExitCodes.Usage, fault.ExitCode);
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData(400, 600, true)]
    [InlineData(401, 600, false)]
    public void Parts_may_be_together_as_much_as_the_host_has(long first, long second, bool fits)
    {
        using var one = HostRegister.Enter(Register, "/one", MemorySize.FromMiB(first), Has);
        if (!fits)
        {
            var fault = Assert.Throws<StartException>(() => HostRegister.Enter(Register, "/two", MemorySize.FromMiB(second), Has));
            Assert.Contains("599 MiB are left for /two", fault.Message, StringComparison.Ordinal);
            Assert.Single(Entries());
            return;
        }

        using var two = HostRegister.Enter(Register, "/two", MemorySize.FromMiB(second), Has);
        Assert.Empty(two.Warnings);

        static MemorySize Has() => MemorySize.FromMiB(1000);
    }

    [Fact]
    public void Daemons_of_every_user_may_enter_and_read_who_is_there()
    {
        using var one = HostRegister.Enter(Register, "/one", MemorySize.FromMiB(64), HostMemory.OfHost);

        Assert.Equal("1777", Mode(Register));
        Assert.Equal(["644", "644"], Directory.GetFiles(Register).Select(Mode));

        static string Mode(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);
    }

    [Fact]
    public void A_folder_that_can_not_be_used_is_told_and_the_daemon_goes_on()
    {
        File.WriteAllText(_dmmd.In("file"), "");

        using var register = HostRegister.Enter(Path.Combine(_dmmd.In("file"), "register"), "/s", null, HostMemory.OfHost);

        Assert.Contains("other daemons of this host do not see this one", Assert.Single(register.Warnings), StringComparison.Ordinal);
        var fault = Assert.Throws<StartException>(() => HostRegister.Enter(_dmmd.In("file"), "/s", null, HostMemory.OfHost));
        Assert.Equal(ExitCodes.Usage, fault.ExitCode);
    }

    [Fact]
    public async Task The_simulation_does_not_enter()
    {
        await RunsAsync("one", "auto");

        await RunsAsync("two", "auto", "simulation");

        Assert.Single(Entries());
    }

    private string[] Entries() => Directory.Exists(Register) ? Directory.GetFiles(Register, "dmmd-*.json") : [];

    private async Task<Process> RunsAsync(string name, string memory, string hypervisor = "qemu")
    {
        var process = _dmmd.Start("--config", Settings(name, memory, hypervisor));
        await DaemonProgram.ReadyAsync(process, _dmmd.In($"{name}.sock"));
        return process;
    }

    private string Settings(string name, string memory, string hypervisor = "qemu")
    {
        var size = memory == "60%" ? string.Create(CultureInfo.InvariantCulture, $"{HostMemory.OfHost().Bytes / 10 * 6}B") : memory;
        var file = _dmmd.In($"{name}.conf");
        File.WriteAllText(
            file,
            $$"""
            dmm {
              hypervisor = {{hypervisor}}, state-dir = "{{_dmmd.In(name)}}", socket = "{{_dmmd.In($"{name}.sock")}}"
              host { memory = {{size}}, reserve = 32MiB, cushion = 16MiB, register = "{{Register}}" }
            }
            """);
        return file;
    }
}
