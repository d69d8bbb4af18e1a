using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Tests.Qemu.Connection;

/// <summary>
/// Tests the run state of QEMU's guest and its end: each is reported as what it is, and nothing else is taken for an end.
/// </summary>
public sealed class QemuEndTests : QemuVmFixture
{
    [Theory]
    [InlineData("guest-shutdown", "the guest shut down")]
    [InlineData("guest-panic", "the guest's kernel panicked")]
    [InlineData("host-signal", "a signal ended QEMU")]
    public async Task The_end_is_told_with_its_reason(string cause, string expected)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await qemu.TellAsync("SHUTDOWN", $$"""{"guest": true, "reason": "{{cause}}"}""");
        File.Delete(Socket);
        qemu.HangUp();

        var ended = await _observed.FirstAsync<VmObservation.Ended>();
        Assert.Contains(expected, ended.Why, StringComparison.Ordinal);
        Assert.Same(ended, _observed.All[^1]);
    }

    [Fact]
    public async Task Whether_its_guest_runs_is_told_before_the_VM_is_in_hand_and_when_it_changes()
    {
        await using var qemu = new FakeQemu(Socket) { Status = "paused" };
        await using var vm = await ConnectAsync(qemu);
        Assert.Contains("somebody has stopped it", Assert.Single(_observed.Of<VmObservation.RunState>()).Why, StringComparison.Ordinal);

        qemu.Status = "running";
        await qemu.TellAsync("RESUME");
        await _observed.FirstAsync<VmObservation.RunState>(r => r is { Value: VmRunState.Running, Why: null });
        qemu.Status = "io-error";
        await qemu.TellAsync("STOP");
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.Paused
            && r.Why!.Contains("io-error", StringComparison.Ordinal));
        Assert.Equal(3, _observed.Of<VmObservation.RunState>().Count);
    }

    [Fact]
    public async Task A_migration_is_seen_to_its_end_though_QEMU_tells_no_event_of_that()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Status = "finish-migrate";
        await qemu.TellAsync("STOP");
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.MigratingOut);
        qemu.Status = "postmigrate";
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.MigratedAway, Tick);
        await vm.EndAsync(default).InTime();

        var ended = await _observed.FirstAsync<VmObservation.Ended>();
        Assert.Equal(EndCause.MigratedAway, ended.Cause);
    }

    [Fact]
    public async Task One_that_is_stopped_and_gone_before_anybody_could_ask_why_may_have_been_migrated()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Frozen = true;
        await qemu.TellAsync("STOP");
        await qemu.TellAsync("SHUTDOWN", """{"guest": false, "reason": "host-qmp-quit"}""");
        File.Delete(Socket);
        qemu.HangUp();

        Assert.Equal(EndCause.MigratedAway, (await _observed.FirstAsync<VmObservation.Ended>()).Cause);
    }

    [Fact]
    public async Task A_guest_that_powered_down_in_a_process_that_stays_is_not_the_reason_of_a_later_end()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Status = "shutdown";
        await qemu.TellAsync("SHUTDOWN", """{"guest": true, "reason": "guest-shutdown"}""");
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.Halted);
        var looks = qemu.Count("query-status");
        await Eventually.UntilAsync(
            () =>
            {
                Tick();
                return qemu.Count("query-status") > looks + 3;
            },
            "further looks");
        File.Delete(Socket);
        qemu.HangUp();

        await _observed.FirstAsync<VmObservation.ConnectionLost>(meanwhile: Tick);
        Assert.Empty(_observed.Of<VmObservation.Ended>());
    }

    [Fact]
    public async Task A_broken_connection_is_not_the_end_while_somebody_still_listens()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.HangUp();

        var lost = await _observed.FirstAsync<VmObservation.ConnectionLost>();
        Assert.Contains("closed the connection", lost.Why, StringComparison.Ordinal);
        Assert.Empty(_observed.Of<VmObservation.Ended>());
        await using var again = await ConnectAsync(qemu);
        Assert.True(again.Capabilities.Balloon);
    }

    [Fact]
    public async Task A_QEMU_that_misses_two_deadlines_is_given_up()
    {
        _patience = TimeSpan.FromSeconds(5);
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Frozen = true;

        var lost = await _observed.FirstAsync<VmObservation.ConnectionLost>(meanwhile: Tick);
        Assert.Contains("did not answer", lost.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_is_asked_to_power_down_and_nothing_else_is_done_to_it()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await vm.PowerDownAsync(default).InTime();

        Assert.Equal((1, 0), (qemu.Count("system_powerdown"), qemu.Count("quit")));
    }

    [Fact]
    public async Task A_VM_that_is_ended_is_gone_when_that_is_done_and_its_guest_is_not_asked()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await vm.EndAsync(default).InTime();

        Assert.Equal(0, qemu.Count("system_powerdown"));
        Assert.Contains("host-qmp-quit", (await _observed.FirstAsync<VmObservation.Ended>()).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_VM_let_go_is_heard_of_no_more_and_can_be_taken_up_again()
    {
        await using var qemu = new FakeQemu(Socket);
        var vm = await ConnectAsync(qemu);
        await vm.DisposeAsync();
        var told = _observed.All.Count;

        qemu.PluggedBytes = 64 * FakeQemu.Mib;
        await using var again = await ConnectAsync(qemu, _ => { });

        Assert.Equal(told, _observed.All.Count);
        Assert.Equal(0, qemu.Count("quit"));
    }
}
