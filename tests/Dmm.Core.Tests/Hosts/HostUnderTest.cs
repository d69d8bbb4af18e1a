using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Hosts;

/// <summary>
/// The machines of a host and of its line of VMs to come, without actors, journal and hypervisor. Their messages to each other and to
/// themselves are delivered at once; VMs act only when a test tells them to.
/// </summary>
internal sealed class HostUnderTest
{
    private readonly HostMachine _machine;
    private readonly AdmissionMachine _admission;
    private readonly Queue<IHostCommand> _mailbox = [];
    private Admissions _line = new();

    public HostUnderTest(long memoryMiB = 4096, HostSettings? settings = null, bool watches = false, string? boot = null)
    {
        settings ??= new() { Memory = MiB(memoryMiB) };
        (_machine, _admission) = (new(settings, new()), new(settings.Admission));
        Host = new(new(new Ledger(settings.Memory, settings.Reserve)), settings, watches);
        Say(new HostCommand.TakeUp(boot));
    }

    /// <summary>The daemon dies, and the next one starts with what the journal says: by its events, or by a snapshot.</summary>
    public void Restart(string? boot, bool snapshot = false)
    {
        var empty = new HostState(new(Host.Settings.Memory, Host.Settings.Reserve));
        IEnumerable<IHostEvent> events = snapshot ? Host.State.Condense(Now) : [.. Journal];
        Host = new(events.Aggregate(empty, (state, e) => state.Apply(e, Now)), Host.Settings, Host.Watches);
        _line = new();
        _mailbox.Clear();
        Say(new HostCommand.TakeUp(boot));
    }

    public static DateTimeOffset Began { get; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public Host Host { get; private set; }

    public TimeSpan Time { get; set; }

    public Clocks Now => new(Moment.Origin + TimeSpan.FromDays(1) + Time, Began + Time);

    /// <summary>All events that were written.</summary>
    public List<IHostEvent> Journal { get; } = [];

    public List<HostEffect> Effects { get; } = [];

    public IEnumerable<Notice> Notices => Effects.OfType<HostEffect.Notify>().Select(n => n.What);

    public static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    public static VmId Id(string vm) => VmId.Parse(vm);

    public static VmSpec Spec(string vm, long min = 128, long boot = 256, long max = 1024) =>
        new() { Id = Id(vm), Policy = new(MiB(min), MiB(max)), Boot = MiB(boot) };

    public static VmHandle Handle(string vm, int? pid = 100, bool owned = true, long boot = 256) =>
        new(Id(vm), "simulation", MiB(boot), $"/run/{vm}", pid, pid is null ? null : 1, "this", owned);

    /// <summary>Sends a command to the host, and handles all that follows from it.</summary>
    /// <returns>The answer to it; null if there was none.</returns>
    public object? Say(IHostCommand command)
    {
        var answer = Decide(command);
        while (_mailbox.TryDequeue(out var next))
            Decide(next);
        return answer;
    }

    /// <summary>Requests a VM, which gets its memory and runs.</summary>
    public void Run(VmSpec spec, int pid = 100)
    {
        Request(spec);
        Launch(spec.Id.Name, pid);
    }

    public object? Request(VmSpec spec) =>
        Say(new HostProtocol.RecordRequest(spec, MemorySize.Zero, MemorySize.Zero, Now.Now + TimeSpan.FromMinutes(1)));

    public void Launch(string vm, int pid = 100)
    {
        var boot = Host.State.Admissions[Id(vm)].Boot ?? Host.State.Admissions[Id(vm)].Spec.Boot;
        Say(new VmProtocol.Started(Id(vm)));
        Say(new VmProtocol.Launched(Id(vm), Handle(vm, pid) with { Base = boot }));
        Report(vm, boot.Bytes >> 20);
    }

    public object? Adopt(string vm, long ceiling = 512, long min = 128, long max = 1024, int pid = 300, Moment? readAt = null) =>
        Say(new HostProtocol.AdoptVm(Handle(vm, pid, owned: false), new(MiB(min), MiB(max)), MiB(ceiling), MemorySize.Zero)
        {
            ReadAt = readAt ?? Now.Now,
        });

    /// <summary>Sends a VM's report that it stands at that size, and has done what it was last told.</summary>
    /// <param name="and">What else it says.</param>
    public void Report(
        string vm, long mib, VmPhase phase = VmPhase.Settled, long device = 8192, HostCost? cost = null,
        Func<VmProtocol.Report, VmProtocol.Report>? and = null)
    {
        var (size, boot) = (MiB(mib), Host.State.Vms[Id(vm)].Handle.Base);
        var plugged = size.MinusOrZero(boot);
        var sizes = new VmSizes(boot, plugged, boot.MinusOrZero(size), plugged, boot.MinusOrZero(size));
        var target = Host.Told.GetValueOrDefault(Id(vm))?.Message.Target;
        var report = new VmProtocol.Report(Id(vm), phase, null, sizes, new(size, size, target))
        {
            Heard = Host.Told.GetValueOrDefault(Id(vm))?.Number ?? 0,
            Capabilities = new(true, MiB(device), MiB(2), []),
            Cost = cost,
        };
        Say(and?.Invoke(report) ?? report);
    }

    private object? Decide(IHostCommand command)
    {
        var before = Host;
        var decision = _machine.Decide(Host, command, Now);
        Host = decision.Host;
        Journal.AddRange(decision.Events);
        Effects.AddRange(decision.Effects);
        if (decision.Effects.OfType<HostEffect.PlanSoon>().Any())
            _mailbox.Enqueue(new HostCommand.Plan());

        // The persistent state changes by events alone.
        Assert.Equal(
            Persisted(decision.Events.Aggregate(before.State, (state, e) => state.Apply(e, new(Now.Now, e.At)))), Persisted(Host.State));
        var answer = decision.Effects.OfType<HostEffect.Reply>().Select(r => r.Answer).SingleOrDefault();
        foreach (var tell in decision.Effects.OfType<HostEffect.TellAdmission>())
        {
            (_line, var effects) = _admission.Decide(_line, tell.Message, this, Now);
            foreach (var ask in effects.OfType<AdmissionEffect.AskHost>())
                _mailbox.Enqueue(ask.Command);
            answer ??= effects.OfType<AdmissionEffect.Reply>().Select(r => r.Answer).SingleOrDefault();
        }

        return answer;

        string Persisted(HostState state) => string.Join('\n', state.Condense(Now));
    }
}
