using System.Net.Sockets;
using System.Text;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>Real guests whose kernel panicks.</summary>
public sealed class PanicStories
{
    [Fact]
    public async Task A_guest_that_panicked_stays_to_be_looked_at_and_is_stopped_on_request()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var guest = await CreateAsync(host, "never");
        await PanicAsync(host);

        var vm = await host.UntilAsync("vm", "it has panicked", v => v.State == "panicked");
        Assert.Contains("kernel has panicked", vm.Why, StringComparison.Ordinal);
        Assert.Equal(guest, vm.Pid);
        Assert.Single(await host.Client.EventsAsync(host.Late), e => e is { Kind: "guestPanicked", Vm: "vm" });
        var (code, error) = await host.DmmAsync("vm", "stop", "vm", "--kill", "--wait");
        Assert.True(code == 0, error);
        Assert.False(Runs(guest));
    }

    [Fact]
    public async Task A_guest_that_panicked_returns_if_its_policy_says_so()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var guest = await CreateAsync(host, "onFailure");
        await PanicAsync(host);

        var vm = await host.UntilAsync("vm", "it has returned", v => v is { State: "settled", Pid: { } pid } && pid != guest);
        Assert.Equal(1, vm.Returns);
        Assert.Single(await host.Client.EventsAsync(host.Late), e => e is { Kind: "guestPanicked", Vm: "vm" });
    }

    private static async Task<int> CreateAsync(RealHost host, string restart)
    {
        var request = host.Request("vm");
        await host.Client.CreateAsync(request with { Restart = restart, Channels = null, Append = $"{BareGuest.Usual} dmm.shell=on" }, host.Late);
        return (await host.UntilAsync("vm", "it has booted", v => v is { State: "settled", Agent: "agent", Pid: not null })).Pid!.Value;
    }

    /// <summary>Lets the guest's kernel panic, by the shell on its console.</summary>
    private static async Task PanicAsync(RealHost host)
    {
        var console = (await host.Client.VmAsync("vm", host.Late)).Console!;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(console), host.Late);
        await using var stream = new NetworkStream(socket, ownsSocket: false);

        // The agent may be up before the shell is, which then loses what was sent.
        var said = "";
        await Wait.UntilAsync(
            "the shell answers",
            async () =>
            {
                await stream.WriteAsync("\n"u8.ToArray(), host.Late);
                var buffer = new byte[4096];
                said += Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer, host.Late));
                return said.Contains("# ", StringComparison.Ordinal);
            },
            Deadline, host.Late, () => said, TimeSpan.FromSeconds(1));
        await stream.WriteAsync("echo c > /proc/sysrq-trigger\n"u8.ToArray(), host.Late);
        await Wait.UntilAsync(
            "the panic is reported",
            async () => (await host.Client.EventsAsync(host.Late)).Any(e => e.Kind == "guestPanicked"), Deadline, host.Late);
    }
}
