using System.Globalization;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>
/// A host has restarted, and hundreds of VMs return at once, while each write of the journal takes its time. A guest in need is served
/// after a bounded number of writes all the same. The host's machine, the line's and the inbox, on virtual time.
/// </summary>
public sealed class ReturnStormTests
{
    private const int Vms = 300;

    /// <summary>
    /// One write may be under way when a guest cries for memory, and the promise is one. A plan that was queued before the cry may be the
    /// third.
    /// </summary>
    private const int MostWrites = 3;

    private static readonly TimeSpan Write = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LaunchTime = TimeSpan.FromMilliseconds(300);
    private static readonly VmId Needy = Id("needy");

    private readonly HostMachine _machine;
    private readonly AdmissionMachine _admission;
    private readonly HostInbox<int> _inbox = new();
    private readonly PriorityQueue<IHostCommand, (TimeSpan At, int Number)> _mail = new();
    private readonly List<int> _writesUntilServed = [];
    private Admissions _line = new();
    private Host _host;
    private TimeSpan _time;
    private int _sent;
    private int _writes;
    private int _launched;
    private (MemorySize Demand, int Writes)? _cry;

    public ReturnStormTests()
    {
        var settings = new HostSettings { Memory = MemorySize.FromGiB(400) };
        (_machine, _admission) = (new(settings, new()), new(settings.Admission));
        var state = new HostState(new Ledger(settings.Memory, settings.Reserve));
        for (var i = 0; i < Vms; i++)
        {
            var spec = Spec($"v{i}") with { Restart = RestartPolicy.Always };
            state = Events(spec).Aggregate(state, (s, e) => s.Apply(e, Now));
        }

        state = state.Apply(
            new VmAdopted(Now.Wall, new(MiB(128), MiB(65536)), HandleOf(Needy, "this boot"), MiB(512), MemorySize.Zero), Now);
        _host = new(state, settings, false);
    }

    private Clocks Now => new(Moment.Origin + TimeSpan.FromDays(1) + _time, Began + _time);

    [Fact]
    public void Hundreds_of_returns_do_not_keep_a_guest_in_need_waiting()
    {
        Send(TimeSpan.Zero, new HostCommand.TakeUp("this boot"));
        Send(TimeSpan.Zero, new VmProtocol.Started(Needy));
        Report(TimeSpan.FromMilliseconds(1), 512);
        for (var beat = 1; beat <= 60; beat++)
            Send(TimeSpan.FromSeconds(beat), new HostCommand.Beat());

        // The guest cries again and again, each time for 64 MiB more, until all have returned.
        Cry(TimeSpan.FromMilliseconds(5), 576);
        while (_time < TimeSpan.FromSeconds(60) && Step())
        {
        }

        Assert.Equal(Vms, _launched);
        Assert.True(_writesUntilServed.Count > 20, $"it was served {_writesUntilServed.Count} times");
        Assert.All(_writesUntilServed, writes => Assert.InRange(writes, 1, MostWrites));
    }

    private static VmHandle HandleOf(VmId vm, string boot) =>
        new(
            vm, "simulation", MiB(256), $"/run/{vm}", vm == Needy ? 1 : 2 + int.Parse(vm.Name[1..], CultureInfo.InvariantCulture), 1, boot,
            Owned: vm != Needy);

    private IEnumerable<IHostEvent> Events(VmSpec spec) =>
    [
        new VmRequested(Now.Wall, spec, MiB(32), Now.Wall + TimeSpan.FromMinutes(1)),
        new MemoryReserved(Now.Wall, spec.Id, spec.Boot, spec.Boot + MiB(32)),
        new LaunchBegun(Now.Wall, spec.Id, spec.Boot + MiB(32)),
        new VmLaunched(Now.Wall, spec.Id, HandleOf(spec.Id, "the last boot")),
        new VmBooted(Now.Wall, spec.Id),
    ];

    private void Send(TimeSpan at, IHostCommand command) => _mail.Enqueue(command, (at, ++_sent));

    private void Report(TimeSpan at, long mib)
    {
        var size = MiB(mib);
        Send(at, new VmProtocol.Report(
            Needy, VmPhase.Settled, null, new(MiB(256), size - MiB(256), default, size - MiB(256), default),
            new(size, size, _host.Told.GetValueOrDefault(Needy)?.Message.Target))
        {
            Heard = _host.Told.GetValueOrDefault(Needy)?.Number ?? 0,
            Capabilities = new(true, MiB(65536), MiB(2), []),
        });
    }

    private void Cry(TimeSpan at, long mib) => Send(
        at,
        new PredictorProtocol.Forecasts(
            [new Forecast(Needy, MiB(mib), MiB(mib), MiB(mib), Urgent: true, Now.Now) { Need = MiB(mib) }], Tick: false));

    /// <summary>Handles one command, or lets time pass until the next one comes. False: nothing more happens.</summary>
    private bool Step()
    {
        Arrive();
        if (_inbox.TryTake(out var command, out _))
        {
            Decide(command);
            return true;
        }

        if (!_mail.TryPeek(out _, out var next))
            return false;
        _time = next.At;
        return true;
    }

    private void Arrive()
    {
        while (_mail.TryPeek(out var command, out var sent) && sent.At <= _time)
        {
            _mail.Dequeue();
            if (command is PredictorProtocol.Forecasts { Items: [{ Vm: var vm, Demand: var demand }] } && vm == Needy)
                _cry ??= (demand, _writes - (sent.At < _time ? 1 : 0));
            _inbox.Put(command, 0);
        }
    }

    private void Decide(IHostCommand command)
    {
        var decision = _machine.Decide(_host, command, Now);
        _host = decision.Host;
        if (!decision.Events.IsEmpty)
        {
            _writes++;
            _time += Write;
        }

        foreach (var promised in decision.Events.OfType<PromisesChanged>().SelectMany(e => e.Changes).Where(c => c.Vm == Needy))
        {
            if (_cry is not { } cry || promised.Granted < cry.Demand)
                continue;
            _writesUntilServed.Add(_writes - cry.Writes);
            _cry = null;
            var mib = promised.Granted.Bytes >> 20;
            Report(_time + TimeSpan.FromMilliseconds(7), mib);
            if (_launched < Vms)
                Cry(_time + TimeSpan.FromMilliseconds(13), mib + 64);
        }

        foreach (var effect in decision.Effects)
            Perform(effect);
    }

    private void Perform(HostEffect effect)
    {
        switch (effect)
        {
            case HostEffect.PlanSoon:
                _inbox.Put(new HostCommand.Plan(), 0);
                break;
            case HostEffect.WakeForReturns { At: { } at }:
                Send(at - Moment.Origin - TimeSpan.FromDays(1), new HostCommand.ReturnsDue());
                break;
            case HostEffect.TellAdmission tell:
                (_line, var asked) = _admission.Decide(_line, tell.Message, this, Now);
                foreach (var ask in asked.OfType<AdmissionEffect.AskHost>())
                    Send(_time, ask.Command);
                break;
            case HostEffect.StartVms start:
                foreach (var vm in start.Vms.Where(vm => _host.State.Admissions.ContainsKey(vm)))
                {
                    Send(_time, new VmProtocol.Started(vm));
                    Send(_time + LaunchTime, new VmProtocol.Launched(vm, HandleOf(vm, "this boot")));
                    _launched++;
                }

                break;
            default:
                break;
        }
    }
}
