using Dmm.Contracts;
using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// Three real guests whose sizes and loads change at random, and a daemon that is killed with -9 at random moments, sometimes before it
/// is even ready. After each kill every VM runs, nothing that was acknowledged is lost, the invariant of the ledger holds, and its claims
/// agree with QEMU.
/// </summary>
internal sealed class KillRun(RealHost host, int seed)
{
    private static readonly string[] Names = ["alder", "birch", "cedar"];

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, Guest> _guests = [];
    private readonly Dictionary<string, (long? Target, long Max)> _acknowledged = [];

    public int Kills { get; private set; }

    public int Steps { get; private set; }

    public async Task RunAsync(int kills)
    {
        foreach (var name in Names)
        {
            _guests[name] = await host.CreateAsync(host.Request(name, max: 1024));
            _acknowledged[name] = (null, MiB(1024));
        }

        while (Kills < kills)
        {
            for (var orders = _random.Next(1, 4); orders > 0; orders--)
                await OrderAsync(Names[_random.Next(Names.Length)]);
            await Task.Delay(_random.Next(0, 900), host.Late);
            await KillAsync();
            await CheckAsync();
        }

        await SettleAsync();
    }

    private async Task OrderAsync(string name)
    {
        Steps++;
        var (target, max) = _acknowledged[name];
        switch (_random.Next(6))
        {
            case 0:
                max = MiB(_random.Next(8, 17) * 64);
                await host.Client.SetAsync(name, new SetVmRequest(null, max, null), host.Late);
                _acknowledged[name] = (target, max);
                break;
            case 1:
                await host.Client.ResizeAsync(name, null, host.Late);
                _acknowledged[name] = (null, max);
                break;
            case 2:
                await _guests[name].Load.HoldAsync(MemorySize.FromMiB(_random.Next(0, 120)), MemorySize.FromMiB(200), host.Late);
                break;
            default:
                target = Math.Min(max, MiB(_random.Next(96, 512) * 2));
                await host.Client.ResizeAsync(name, target, host.Late);
                _acknowledged[name] = (target, max);
                break;
        }
    }

    private async Task KillAsync()
    {
        await host.Daemon.KillAsync();
        Kills++;
        while (_random.Next(4) == 0)
        {
            host.Daemon.StartWithoutWaiting();
            await Task.Delay(_random.Next(0, 1500), host.Late);
            await host.Daemon.KillAsync();
            Kills++;
        }

        await host.Daemon.StartAsync(host.Late);
    }

    private async Task CheckAsync()
    {
        foreach (var (name, guest) in _guests)
        {
            Assert.True(Runs(guest.Pid), $"{name} died with its daemon; seed {seed}, kill {Kills}");
            var vm = await host.Client.VmAsync(name, host.Late);
            var (target, max) = _acknowledged[name];
            Assert.Equal((guest.Pid, max), (vm.Pid, vm.MaxBytes));
            // An operator's target stays as it was acknowledged, even if the max was lowered below it since then.
            Assert.Equal(target, vm.OperatorTargetBytes);
        }

        var view = await host.Client.HostAsync(host.Late);
        Assert.Equal((3, 0L, 0L), (view.Vms, view.DeficitBytes, view.ReservationsBytes));
        Assert.True(view.ClaimsBytes + view.ReserveBytes <= view.MemoryBytes, $"claims {view.ClaimsBytes}; seed {seed}, kill {Kills}");
        var actual = 0L;
        foreach (var guest in _guests.Values)
            actual += (await guest.Eye.LookAsync(host.Late)).Actual.Bytes;
        Assert.True(actual <= view.MemoryBytes, $"the guests hold {actual >> 20} MiB; seed {seed}, kill {Kills}");
    }

    /// <summary>Without orders every VM settles, and ledger and QEMU agree within one block.</summary>
    private async Task SettleAsync()
    {
        foreach (var (name, guest) in _guests)
        {
            await guest.Load.FreeAsync(host.Late);
            await host.Client.SetAsync(name, new SetVmRequest(null, MiB(1024), null), host.Late);
            await host.Client.ResizeAsync(name, MiB(384), host.Late);
        }

        foreach (var (name, guest) in _guests)
        {
            await host.UntilAgreedAsync(guest, "it arrives when it is left alone, and its grant follows", v => RealHost.Arrived(v, 384));
            await guest.Load.ReportAsync(host.Late);
            Assert.Equal(0, guest.Load.Last!.OomKills);
        }
    }
}
