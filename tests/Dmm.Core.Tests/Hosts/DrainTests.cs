using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>A host is taken out of service and comes back: what it promises, who is asked, who returns.</summary>
public sealed class DrainTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly HostUnderTest _host = new(boot: "this");

    [Fact]
    public void Every_vm_that_dmm_started_is_asked_at_once_with_one_deadline_in_one_event()
    {
        _host.Run(Spec("a"), pid: 1);
        _host.Run(Spec("b"), pid: 2);
        _host.Adopt("theirs");
        var written = _host.Journal.Count;

        var done = Drain();

        Assert.Equal(["a", "b"], Assert.IsType<HostDrainBegun>(Assert.Single(_host.Journal.Skip(written))).Vms.Select(vm => vm.Name));
        var by = _host.Now.Now + Deadline;
        Assert.Equal([("a", by, false), ("b", by, false)], Told().Select(t => (t.Vm, t.Order.By!.Value, t.Order.Kill)));
        Assert.Contains("2 VMs are asked to power down", done.Text, StringComparison.Ordinal);
        Assert.Contains("1 that DMM did not start is not asked (--adopted)", done.Text, StringComparison.Ordinal);
        Assert.Equal((3, 2), (done.Status.State.MayRun, done.Status.State.DrainsStill));

        Drain(adopted: true);
        Assert.Equal(["a", "b", "theirs"], Told().Select(t => t.Vm));
    }

    [Fact]
    public void A_drained_host_takes_no_vm_whoever_asks_and_names_the_way_out()
    {
        _host.Run(Spec("web") with { Restart = RestartPolicy.Always });
        _host.Run(Spec("stopped") with { Restart = RestartPolicy.Always }, pid: 2);
        Stop("stopped");
        End("stopped");
        Drain();

        object?[] answers =
        [
            Assert.IsType<AdmissionProtocol.RecordRefused>(_host.Request(Spec("new"))).Refusal,
            _host.Adopt("theirs"),
            _host.Say(new HostProtocol.StartVm(Id("stopped"), null)),
            _host.Say(new HostProtocol.DryRunVm(Spec("new"), MemorySize.Zero, MemorySize.Zero, null)),
        ];

        Assert.All(answers, answer =>
        {
            var refused = Assert.IsType<HostProtocol.Refused>(answer);
            Assert.Equal(HostProtocol.RefusalKind.Conflict, refused.Kind);
            Assert.Contains("drained", refused.Why, StringComparison.Ordinal);
            Assert.Contains("'dmm host undrain'", refused.Why, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Who_ran_returns_whatever_its_restart_policy_and_who_was_stopped_does_not(bool snapshot)
    {
        foreach (var (i, restart) in Enum.GetValues<RestartPolicy>().Index())
        {
            _host.Run(Spec($"ran-{i}") with { Restart = restart }, pid: 10 + i);
            _host.Run(Spec($"stopped-{i}") with { Restart = restart }, pid: 20 + i);
        }

        // One guest powers down by itself before the drain, one is stopped before it and one during it.
        End("stopped-1");
        Stop("stopped-2");
        Drain();
        Stop("stopped-0");
        foreach (var vm in _host.Host.State.Vms.Keys)
            End(vm.Name);
        Assert.Contains("hostDrained", Kinds());
        Assert.Empty(_host.Host.State.Admissions);

        _host.Restart("this", snapshot);
        Assert.Equal(["ran-0", "ran-1", "ran-2"], Drained());
        Assert.Empty(_host.Host.State.Admissions);

        Assert.Contains("3 VMs return", Undrain().Text, StringComparison.Ordinal);
        _host.Say(new HostCommand.ReturnsDue());
        Assert.Equal(["ran-0", "ran-1", "ran-2"], _host.Host.State.Admissions.Keys.Select(vm => vm.Name));
        Assert.Equal(["stopped-1", "stopped-2"], _host.Host.State.Resting.Keys.Select(vm => vm.Name));
    }

    [Fact]
    public void Who_does_not_power_down_runs_on_and_is_named_and_a_later_end_is_the_drains_all_the_same()
    {
        _host.Run(Spec("slow"));
        Drain();
        _host.Say(new VmProtocol.StopGivenUp(Id("slow"), "its guest did not power down within 120 s"));

        var said = _host.Notices.Single(n => n.Kind == "hostDrained");
        Assert.Contains("slow runs on", said.Text, StringComparison.Ordinal);
        Assert.Equal((1, 0), (_host.Host.State.MayRun, _host.Host.State.DrainsStill));
        // A new daemon does not ask it again.
        _host.Restart("this", snapshot: true);
        Assert.Null(Assume("slow").Stop);

        End("slow");
        Assert.Equal(["slow"], Drained());
    }

    [Fact]
    public void A_vm_of_a_dead_daemon_is_asked_again_with_the_same_deadline()
    {
        _host.Run(Spec("vm"));
        Drain(kill: true);
        var by = _host.Now.Now + Deadline;
        _host.Time += TimeSpan.FromSeconds(50);
        _host.Restart("this");

        var order = Assume("vm").Stop!;
        Assert.Equal((by, true), (order.By!.Value, order.Kill));
        Assert.Equal(TimeSpan.FromSeconds(70), order.GraceFrom(_host.Now.Now));
        Assert.Equal(TimeSpan.Zero, order.GraceFrom(_host.Now.Now + TimeSpan.FromHours(1)));
    }

    [Fact]
    public void A_drain_ends_with_the_boot_of_its_host_and_all_return_in_one_step()
    {
        _host.Run(Spec("down"), pid: 1);
        _host.Run(Spec("up"), pid: 2);
        Drain();
        End("down");
        var written = _host.Journal.Count;

        // The host goes down before the second guest has powered down.
        _host.Restart("next");

        Assert.Null(_host.Host.State.Drain);
        Assert.Equal([typeof(VmRested), typeof(HostDrainEnded)], _host.Journal.Skip(written).Select(e => e.GetType()));
        _host.Say(new HostCommand.ReturnsDue());
        Assert.Equal(["down", "up"], _host.Host.State.Admissions.Keys.Select(vm => vm.Name));
    }

    [Fact]
    public void A_drain_that_is_to_stay_does_so_over_boots_also_after_another_order()
    {
        _host.Run(Spec("vm"));
        Drain(stay: true);
        Drain(kill: true);
        _host.Restart("next", snapshot: true);

        Assert.True(_host.Host.State.Drain is { Stay: true, Kill: true });
        Assert.Equal(["vm"], Drained());
        Undrain();
        _host.Say(new HostCommand.ReturnsDue());
        Assert.Contains(Id("vm"), _host.Host.State.Admissions.Keys);
    }

    [Fact]
    public void Requests_that_came_before_wait_and_go_on_when_the_drain_ends()
    {
        var host = new HostUnderTest(memoryMiB: 1024);
        host.Run(Spec("big", min: 400, boot: 900, max: 1000));
        host.Request(Spec("waits", boot: 512, max: 512));
        host.Say(new HostProtocol.DrainHost(Deadline, false));
        host.Say(new VmProtocol.Ended(Id("big"), "its guest powered down", EndCause.PoweredDown));

        Assert.True(host.Host.State.Admissions[Id("waits")].State.Seeks());
        host.Say(new HostProtocol.UndrainHost());
        Assert.Contains(host.Journal, e => e is LaunchBegun begun && begun.Vm == Id("waits"));
    }

    [Fact]
    public void A_request_whose_time_is_up_meanwhile_ends_with_the_drain_as_its_reason()
    {
        var host = new HostUnderTest(memoryMiB: 1024);
        host.Run(Spec("big", min: 400, boot: 900, max: 1000));
        host.Request(Spec("waits", boot: 512, max: 512));
        host.Say(new HostProtocol.DrainHost(Deadline, false));
        host.Time += TimeSpan.FromHours(1);

        host.Say(new HostProtocol.GiveUp(Id("waits"), AdmissionEnd.Expired, ""));

        Assert.Contains("drained", host.Journal.OfType<AdmissionEnded>().Single().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vm_whose_launch_was_under_way_is_asked_as_soon_as_it_runs()
    {
        _host.Request(Spec("vm"));
        Drain();
        Assert.Equal((1, 1), (_host.Host.State.MayRun, _host.Host.State.DrainsStill));
        _host.Launch("vm");

        Assert.Equal(["vm"], Told().Select(t => t.Vm));
        End("vm");
        Assert.Equal(["vm"], Drained());
    }

    [Fact]
    public void The_end_of_a_drain_takes_back_its_order_but_not_that_of_an_operator()
    {
        _host.Run(Spec("mine"), pid: 1);
        _host.Run(Spec("unwanted"), pid: 2);
        var own = new StopOrder(TimeSpan.FromMinutes(9), false);
        _host.Say(new HostProtocol.StopVm(Id("unwanted"), own));
        Drain(kill: true);
        Assert.All(Told(), t => Assert.True(t.Order.Kill));
        _host.Effects.Clear();

        Undrain();

        Assert.Equal(
            [("mine", new VmProtocol.GoOn()), ("unwanted", (IVmMessage)new VmProtocol.Stop(own))],
            _host.Effects.OfType<HostEffect.TellVm>().Where(t => t.Message is VmProtocol.Stop or VmProtocol.GoOn)
                .Select(t => (t.Vm.Name, t.Message)));
        Assert.IsType<HostProtocol.Refused>(_host.Say(new HostProtocol.UndrainHost()));
    }

    [Fact]
    public void An_operators_sooner_end_counts_and_a_withdrawn_one_leaves_the_drains()
    {
        _host.Run(Spec("vm"));
        Drain();
        _host.Say(new HostProtocol.StopVm(Id("vm"), new(TimeSpan.Zero, true)));
        Assert.True(Told()[^1].Order.AtOnce);

        var done = Assert.IsType<HostProtocol.Done>(_host.Say(new HostProtocol.StartVm(Id("vm"), null)));
        Assert.Contains("'dmm host undrain'", done.Text, StringComparison.Ordinal);
        Assert.Equal(Deadline, Told()[^1].Order.GraceFrom(_host.Now.Now));
        End("vm");
        Assert.Equal(["vm"], Drained());

        // Whoever does not want it back says so.
        _host.Say(new HostProtocol.StopVm(Id("vm"), new(Deadline, false)));
        Assert.Empty(Drained());
        Undrain();
        _host.Say(new HostCommand.ReturnsDue());
        Assert.Empty(_host.Host.State.Admissions);
    }

    [Fact]
    public void A_guest_that_never_booted_and_one_that_was_migrated_away_do_not_return_with_the_drain()
    {
        _host.Run(Spec("moved") with { Restart = RestartPolicy.Always }, pid: 1);
        _host.Report("moved", 256, and: r => r with { RunState = VmRunState.MigratedAway });
        _host.Run(Spec("mute"), pid: 2);
        Drain();
        End("moved");
        _host.Say(new VmProtocol.Ended(Id("mute"), "nothing was heard from it", EndCause.NeverBooted));

        Assert.Empty(Drained());
        Assert.Equal(["moved"], _host.Host.State.Resting.Keys.Select(vm => vm.Name));
    }

    [Fact]
    public void A_return_that_was_due_waits_for_the_end_of_the_drain()
    {
        _host.Run(Spec("vm") with { Restart = RestartPolicy.Always });
        _host.Say(new VmProtocol.Ended(Id("vm"), "killed", EndCause.Failed));
        Drain();
        _host.Time += TimeSpan.FromMinutes(10);
        _host.Say(new HostCommand.ReturnsDue());
        Assert.Empty(_host.Host.State.Admissions);
        Assert.Null(_host.Effects.OfType<HostEffect.WakeForReturns>().Last().At);

        Undrain();
        _host.Say(new HostCommand.ReturnsDue());
        Assert.Contains(Id("vm"), _host.Host.State.Admissions.Keys);
    }

    [Fact]
    public void The_memory_of_those_that_are_to_return_counts_in_the_bound_of_overcommit()
    {
        var host = new HostUnderTest(settings: new() { Memory = MiB(4096), Admission = new() { OvercommitMaxRatio = 2 } });
        host.Run(Spec("vm", max: 4096));
        host.Run(Spec("stays", max: 4096), pid: 2);
        host.Say(new HostProtocol.DrainHost(Deadline, false));
        host.Say(new VmProtocol.Ended(Id("vm"), "its guest powered down", EndCause.PoweredDown));

        Assert.Contains(
            "overcommit", Assert.IsType<HostProtocol.Refused>(
                host.Say(new HostProtocol.SetPolicy(Id("stays"), null, MiB(4200), null))).Why, StringComparison.Ordinal);
    }

    private HostProtocol.HostDone Drain(bool kill = false, bool stay = false, bool adopted = false)
    {
        _host.Effects.RemoveAll(e => e is HostEffect.TellVm);
        return Assert.IsType<HostProtocol.HostDone>(
            _host.Say(new HostProtocol.DrainHost(Deadline, kill) { Stay = stay, Adopted = adopted }));
    }

    private HostProtocol.HostDone Undrain() => Assert.IsType<HostProtocol.HostDone>(_host.Say(new HostProtocol.UndrainHost()));

    private void Stop(string vm) => _host.Say(new HostProtocol.StopVm(Id(vm), new(TimeSpan.FromSeconds(30), false)));

    private void End(string vm) => _host.Say(new VmProtocol.Ended(Id(vm), "its guest powered down", EndCause.PoweredDown));

    private VmProtocol.Assume Assume(string vm) => Assert.IsType<VmProtocol.Assume>(_host.Say(new VmProtocol.Started(Id(vm))));

    private IEnumerable<string> Drained() =>
        _host.Host.State.Resting.Where(vm => vm.Value is { Drained: true, ReturnAt: null }).Select(vm => vm.Key.Name);

    private IEnumerable<string> Kinds() => _host.Notices.Select(n => n.Kind);

    private List<(string Vm, StopOrder Order)> Told() =>
        [.. _host.Effects.OfType<HostEffect.TellVm>().Where(t => t.Message is VmProtocol.Stop)
            .Select(t => (t.Vm.Name, ((VmProtocol.Stop)t.Message).Order))];
}
