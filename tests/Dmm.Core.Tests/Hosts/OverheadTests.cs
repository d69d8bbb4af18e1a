using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>
/// What a VM's process was measured to take beside the VM's memory stays counted until it is measured to be less, whoever starts anew.
/// </summary>
public sealed class OverheadTests
{
    private readonly HostUnderTest _host = new(memoryMiB: 4096);

    private MemorySize Free => _host.Host.State.Ledger.Free;

    private static HostCost Cost(long mib, long? limit = null) => new(MiB(mib), MiB(mib + 256), limit is { } l ? MiB(l) : null);

    private HostState Recovered => _host.Journal.Aggregate(
        new HostState(new Ledger(MiB(4096), MemorySize.Zero)), (state, e) => state.Apply(e, _host.Now));

    [Fact]
    public void A_vms_actor_that_starts_anew_frees_nothing_until_it_has_measured()
    {
        _host.Run(Spec("a"));
        _host.Report("a", 256, cost: Cost(300));
        var free = Free;
        Assert.Equal(MiB(4096 - 256 - 304), free);
        _host.Say(new VmProtocol.Started(Id("a")));
        _host.Report("a", 256);
        Assert.Equal(free, Free);
        _host.Report("a", 256, cost: Cost(300));
        Assert.Equal(free, Free);
    }

    [Fact]
    public void The_next_daemon_counts_what_the_last_one_had_measured()
    {
        _host.Run(Spec("a"));
        _host.Adopt("b");
        _host.Report("a", 256, cost: Cost(300));
        _host.Report("b", 256, cost: Cost(77));
        foreach (var id in new[] { Id("a"), Id("b") })
        {
            Assert.Equal(_host.Host.State.Ledger.Claims[id].Overhead, Recovered.Ledger.Claims[id].Overhead);
            var condensed = _host.Host.State.Condense(_host.Now).Aggregate(
                new HostState(new Ledger(MiB(4096), MemorySize.Zero)), (state, e) => state.Apply(e, _host.Now));
            Assert.Equal(_host.Host.State.Ledger.Claims[id].Overhead, condensed.Ledger.Claims[id].Overhead);
        }
    }

    [Fact]
    public void A_process_that_grows_little_by_little_is_written_once_for_each_step()
    {
        _host.Run(Spec("a"));
        for (var mib = 1; mib <= 160; mib++)
        {
            _host.Report("a", 256, cost: Cost(mib));
            Assert.InRange(_host.Host.State.Ledger.Claims[Id("a")].Overhead.Mebibytes, mib, mib + 15);
        }

        Assert.Equal(10, _host.Journal.OfType<OverheadMeasured>().Count());
    }

    [Fact]
    public void Less_is_counted_only_when_it_is_much_less_and_after_a_while()
    {
        _host.Run(Spec("a"));
        _host.Report("a", 256, cost: Cost(300));
        for (; _host.Time < CountedOverhead.Calm; _host.Time += TimeSpan.FromSeconds(10))
        {
            // It swings, and not one of its swings is written.
            _host.Report("a", 256, cost: Cost(_host.Time.Seconds % 20 == 0 ? 100 : 300));
            Assert.Equal(MiB(304), _host.Host.State.Ledger.Claims[Id("a")].Overhead);
        }

        _host.Report("a", 256, cost: Cost(290));
        Assert.Equal(MiB(304), _host.Host.State.Ledger.Claims[Id("a")].Overhead);
        _host.Report("a", 256, cost: Cost(100));
        Assert.Equal(MiB(112), _host.Host.State.Ledger.Claims[Id("a")].Overhead);
        Assert.Equal(MiB(4096 - 256 - 112), Free);
        Assert.Equal(2, _host.Journal.OfType<OverheadMeasured>().Count());
    }

    [Fact]
    public void A_process_that_costs_less_than_expected_is_not_written()
    {
        _host.Say(new HostProtocol.AdoptVm(Handle("a", 300, owned: false), new(MiB(128), MiB(512)), MiB(512), MiB(60))
        {
            ReadAt = _host.Now.Now,
        });
        foreach (var mib in new[] { 5, 60, 17, 59 })
            _host.Report("a", 512, cost: Cost(mib));
        Assert.Empty(_host.Journal.OfType<OverheadMeasured>());
        Assert.Equal(MiB(60), _host.Host.State.Ledger.Claims[Id("a")].Overhead);
    }

    [Fact]
    public void A_control_groups_limit_is_known_while_nobody_has_measured_anew()
    {
        _host.Run(Spec("a"));
        _host.Report("a", 256, cost: Cost(32, limit: 800));
        _host.Say(new VmProtocol.Started(Id("a")));
        _host.Report("a", 256);
        Assert.Equal(MiB(800), _host.Host.Reports[Id("a")].Cost?.Limit);
    }

    [Fact]
    public void A_vm_of_the_same_name_does_not_inherit_it()
    {
        _host.Run(Spec("a"));
        _host.Report("a", 256, cost: Cost(300));
        _host.Say(new VmProtocol.Ended(Id("a"), "it was shut down", EndCause.PoweredDown));
        _host.Run(Spec("a"), pid: 101);
        Assert.Equal(MemorySize.Zero, _host.Host.State.Ledger.Claims[Id("a")].Overhead);
    }
}
