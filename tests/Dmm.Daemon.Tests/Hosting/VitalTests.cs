using System.Net;
using Akka.Actor;
using Akka.Hosting;
using Dmm.Actors.Supervision;
using Dmm.Contracts;
using Dmm.Daemon.Api;
using Dmm.Daemon.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Dmm.Daemon.Tests.Hosting;

/// <summary>Tests parts of the daemon that end while the rest runs on: nobody waits for them, and their end is reported.</summary>
public sealed class VitalTests
{
    [Fact]
    public async Task A_daemon_whose_supervisor_has_ended_says_so_and_ends_for_another_to_start()
    {
        await using var daemon = new DaemonFixture();
        await daemon.StartReadyAsync();
        var vitals = daemon.Services.GetRequiredService<Vitals>();

        var ended = daemon.EndedAsync();
        daemon.Services.GetRequiredService<ActorRegistry>().Get<DmmActor>().Tell(PoisonPill.Instance);

        Assert.Equal(ExitCodes.Failed, await ended);
        Assert.Equal("the actor dmm has ended, and nothing can be promised without it; the daemon ends, the VMs run on", vitals.Why);
    }

    [Fact]
    public async Task Who_waits_for_an_actor_that_ends_is_answered_at_once_as_is_who_asks_later()
    {
        using var system = ActorSystem.Create("vital");
        using var vitals = new Vitals();
        var silent = system.ActorOf(Props.Create(() => new Silent()));
        var gateway = new HostGateway(silent, silent, silent, vitals);

        var waiting = gateway.StatusAsync(CancellationToken.None);
        Assert.False(waiting.IsCompleted);
        vitals.End("the keeper has ended");

        Assert.Equal("the keeper has ended", (await Assert.ThrowsAsync<UnavailableException>(() => waiting)).Message);
        Assert.Equal(
            "the keeper has ended", (await Assert.ThrowsAsync<UnavailableException>(() => gateway.HealthAsync(CancellationToken.None)))
                .Message);
        await Assert.ThrowsAsync<UnavailableException>(() => gateway.EventsAsync(null, 0, CancellationToken.None));
        await system.Terminate();
    }

    [Fact]
    public async Task A_host_whose_actor_has_ended_is_not_ready_and_is_started_anew()
    {
        await using var daemon = new DaemonFixture();
        await daemon.StartReadyAsync();
        await daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await daemon.UntilAsync("a", v => v.State == "settled");

        // The daemon is not ready for some tenths of a second only; the events keep the fault. On a busy machine the journal may be slow
        // enough to end that actor by itself: an order that comes just then is lost, so it is given again.
        var host = daemon.Services.GetRequiredService<ActorSystem>().ActorSelection("/user/dmm/host");
        await DaemonFixture.UntilAsync(async _ =>
        {
            host.Tell(PoisonPill.Instance);
            return (await daemon.GetAsync<EventView[]>("events"))
                .Any(e => e.Kind == "journalBroken" && e.Text.Contains("the host's actor has ended", StringComparison.Ordinal));
        });
        await DaemonFixture.UntilAsync(async c => (await daemon.Client.GetAsync("/ready", c)).StatusCode == HttpStatusCode.OK);
        await daemon.UntilAsync("a", v => v.State == "settled");
    }

    private sealed class Silent : ReceiveActor
    {
        public Silent() => ReceiveAny(_ => { });
    }
}
