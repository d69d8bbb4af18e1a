using System.Text;
using Akka.Actor;
using Akka.Persistence;
using Dmm.Actors.Hosts;
using Dmm.Actors.Serialization;
using Dmm.Actors.Supervision;
using Dmm.Actors.Vms;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Hosts;

/// <summary>
/// The actor adds nothing to its machine's decisions and omits nothing: over random histories the journal holds exactly the machine's
/// events, and the VMs are told what the machine decided to tell them.
/// </summary>
public sealed class SameDecisionsTests(ITestOutputHelper output) : HostFixture(output)
{
    private const int Steps = 150;

    private readonly ITestOutputHelper _output = output;
    private readonly List<string> _events = [];
    private readonly List<string> _told = [];
    private HostMachine _machine = null!;
    private Host _host = null!;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task What_the_machine_decides_is_what_the_actor_writes_and_tells(int seed)
    {
        var random = new Random(seed);
        // The history decides when the clock's period ends.
        var settings = new HostSettings
        {
            Memory = MiB(3072),
            Cushion = MiB(64),
            PlanPeriod = TimeSpan.FromDays(365),
            SnapshotEvery = 1_000_000,
        };
        var (keeper, vms, predictor) = (CreateTestProbe(), CreateTestProbe(), CreateTestProbe());
        var actor = Sys.ActorOf(HostActor.Props(HouseOf(settings, new NoStore()), new HostTenure(keeper, vms, predictor, 0)), "alone");
        (_machine, _host) = (new(settings, new()),
            new(new(new Ledger(settings.Memory, settings.Reserve)), settings, Watches: false));
        Decide(new HostCommand.TakeUp(null));
        for (var step = 0; step < Steps; step++)
        {
            var command = Any(random);
            Decide(command);
            actor.Tell(command, CreateTestProbe());
            Assert.NotNull(await actor.Ask<HostProtocol.Status>(new HostProtocol.GetStatus(), TimeSpan.FromSeconds(10)));
            Clock.Advance(TimeSpan.FromMilliseconds(random.Next(0, 3_000)));
        }

        Assert.Equal(_events, Written());
        Assert.Equal(_told, Told(vms));
        _output.WriteLine($"{_events.Count} events, {_told.Count} told");
        Assert.True(_events.Count > Steps / 3 && _told.Count > Steps / 3, "hardly anything was decided");
    }

    private static string Name(object message) => $"{message.GetType().Name} {message}";

    /// <summary>Decides as the actor does: each command alone, with the plans that follow.</summary>
    private void Decide(IHostCommand command)
    {
        var waiting = new Queue<IHostCommand>([command]);
        while (waiting.TryDequeue(out var next))
        {
            var decision = _machine.Decide(_host, next, Clocks.Read(Time));
            _host = decision.Host;
            _events.AddRange(decision.Events.Select(Line));
            foreach (var effect in decision.Effects)
            {
                if (effect is HostEffect.PlanSoon)
                    waiting.Enqueue(new HostCommand.Plan());
                else if (effect is HostEffect.TellVm tell)
                    _told.Add($"{tell.Vm} {Name(tell.Message)}");
                else if (effect is HostEffect.StartVms start)
                    _told.Add($"start {string.Join(' ', start.Vms)} {start.All}");
                else if (effect is HostEffect.DropVm drop)
                    _told.Add($"drop {drop.Vm}");
            }
        }
    }

    private static string Line(IHostEvent e) => $"{HostEventJson.NameOf(e)} {Encoding.UTF8.GetString(HostEventJson.Write(e))}";

    private List<string> Written()
    {
        var probe = CreateTestProbe();
        Persistence.Instance.Apply(Sys).JournalFor("").Tell(new ReplayMessages(1, long.MaxValue, long.MaxValue, "host", probe.Ref));
        List<string> lines = [];
        while (probe.ReceiveOne(TimeSpan.FromSeconds(10)) is ReplayedMessage message)
            lines.Add(Line((IHostEvent)message.Persistent.Payload));
        return lines;
    }

    private static List<string> Told(Akka.TestKit.TestProbe vms)
    {
        List<string> lines = [];
        while (vms.HasMessages)
        {
            lines.Add(vms.ReceiveOne(TimeSpan.FromSeconds(10)) switch
            {
                VmsProtocol.To to => $"{to.Vm} {Name(to.Message)}",
                VmsProtocol.Start start => $"start {string.Join(' ', start.Vms)} {start.All}",
                VmsProtocol.Drop drop => $"drop {drop.Vm}",
                var other => Name(other),
            });
        }

        return lines;
    }

    private IHostCommand Any(Random random)
    {
        var number = random.Next(6);
        var id = VmId.Parse($"vm{number}");
        if (!_host.State.Vms.TryGetValue(id, out var vm))
        {
            return new HostProtocol.AdoptVm(
                new(id, "simulation", MiB(256), $"/run/{id}", 100 + number, 1, "this", Owned: false), new(MiB(128), MiB(1024)),
                MiB(256 + random.Next(256)), MemorySize.Zero)
            {
                ReadAt = Clocks.MomentOf(Time) - TimeSpan.FromSeconds(random.Next(3)),
            };
        }

        return random.Next(14) switch
        {
            0 => new HostProtocol.SetPolicy(id, MiB(random.Next(64, 256)), MiB(random.Next(256, 1500)), random.Next(1, 3000)),
            1 => new HostProtocol.ResizeVm(id, random.Next(3) == 0 ? null : MiB(random.Next(100, 1200))),
            2 when random.Next(4) == 0 => new HostProtocol.StopVm(id, new(TimeSpan.FromSeconds(random.Next(0, 30)), random.Next(2) == 0)),
            3 when random.Next(6) == 0 => new HostProtocol.ForgetVm(id),
            4 when random.Next(6) == 0 => new VmProtocol.Ended(id, "it died", Core.Lifecycle.EndCause.Failed),
            5 => new HostCommand.Beat(),
            6 or 7 =>
            new PredictorProtocol.Forecasts([.. _host.State.Vms.Keys.Select(of => DryRunResult(of, random, urgent: false))], Tick: true),
            8 => new PredictorProtocol.Forecasts([DryRunResult(id, random, urgent: true)], Tick: false),
            _ => Report(id, vm, random),
        };
    }

    private Forecast DryRunResult(VmId vm, Random random, bool urgent)
    {
        var used = random.Next(64, 900);
        return new(vm, MiB(used), MiB(used + random.Next(0, 200)), MiB(used), urgent, Clocks.Read(Time).Now);
    }

    /// <summary>A report of a VM that stands at its target, is on its way to it, or has not heard of it yet.</summary>
    private VmProtocol.Report Report(VmId id, VmRecord vm, Random random)
    {
        var told = _host.Told.GetValueOrDefault(id);
        var (hears, arrives) = (random.Next(4) != 0, random.Next(3) != 0);
        var size = arrives ? vm.Promise.Target : MemorySize.Max(vm.Promise.Target, vm.Promise.Granted);
        var plugged = size.MinusOrZero(MiB(256)).RoundUp(MiB(2));
        var ballooned = (MiB(256) + plugged).MinusOrZero(size);
        return new(id, arrives ? VmPhase.Settled : (VmPhase)random.Next(2, 6), null, new(MiB(256), plugged, ballooned, plugged, ballooned),
            new(size, size, hears ? told?.Message.Target : null))
        {
            Heard = hears ? told?.Number ?? 0 : 0,
            Capabilities = new(true, MiB(4096), MiB(2), []),
        };
    }
}
