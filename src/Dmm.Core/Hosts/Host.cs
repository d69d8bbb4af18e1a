using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// All that the host's machine knows: the fold of the journal, and what is not persisted, since the next look at the world brings it back.
/// </summary>
/// <param name="State">The fold of the journal, with the ledger.</param>
/// <param name="Settings">As they were read; the cushion of the moment is that of <see cref="SettingsNow"/>.</param>
/// <param name="Watches">Somebody looks at the host itself. Otherwise it is taken to have what the settings say.</param>
public sealed record Host(HostState State, HostSettings Settings, bool Watches)
{
    /// <summary>The last that each VM's actor has told.</summary>
    public ImmutableDictionary<VmId, VmProtocol.Report> Reports { get; init; } = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;

    public ImmutableDictionary<VmId, Forecast> Forecasts { get; init; } = ImmutableDictionary<VmId, Forecast>.Empty;

    /// <summary>The last target that each VM's actor was told since it started.</summary>
    public ImmutableDictionary<VmId, Told> Told { get; init; } = ImmutableDictionary<VmId, Told>.Empty;

    /// <summary>The number of the target that was told last.</summary>
    public long Tellings { get; init; }

    /// <summary>Who moves, and who waits for a place to.</summary>
    public Operations Operations { get; init; } = new();

    /// <summary>Who waits for whose memory, by the last plan.</summary>
    public ImmutableArray<Wait> Waits { get; init; } = [];

    /// <summary>How each VM was seen to shrink.</summary>
    public ImmutableDictionary<VmId, ShrinkHistory> Shrinks { get; init; } = ImmutableDictionary<VmId, ShrinkHistory>.Empty;

    /// <summary>What the host itself was seen to have.</summary>
    public HostOutlook Outlook { get; init; } = new(Settings.Memory);

    /// <summary>What operators were told last that DMM can count on.</summary>
    public MemorySize SaidMemory { get; init; } = Settings.Memory;

    /// <summary>Why the host can't be looked at; null while it can.</summary>
    public string? Blind { get; init; }

    /// <summary>Who has told what its process holds since the last look at the host.</summary>
    public ImmutableHashSet<VmId> HeardOf { get; init; } = [];

    /// <summary>Who keeps memory that it says it gave.</summary>
    public Keepers Keepers { get; init; } = new();

    /// <summary>Operators were told that the claims do not fit the host.</summary>
    public bool InDeficit { get; init; }

    /// <summary>VMs whose actors have started before: what starts now starts anew.</summary>
    public ImmutableHashSet<VmId> StartedOnce { get; init; } = [];

    /// <summary>VMs whose launch was decided in this life of the daemon and not asked for yet: nothing of theirs can run.</summary>
    public ImmutableHashSet<VmId> Fresh { get; init; } = [];

    /// <summary>VMs of the journal that have not been heard of since the daemon started.</summary>
    public ImmutableHashSet<VmId> Unheard { get; init; } = [];

    /// <summary>VMs whose actors are started with the first plan.</summary>
    public ImmutableArray<VmId> ToStart { get; init; } = [];

    /// <summary>The processes that are looked at.</summary>
    public ImmutableArray<VmHandle> Watched { get; init; } = [];

    /// <summary>A plan was asked for and has not been made yet.</summary>
    public bool PlanQueued { get; init; }

    /// <summary>Forecasts were asked for, and have not come yet.</summary>
    public bool AwaitsForecasts { get; init; }

    /// <summary>The period of planning is over: whoever gives slowly is asked for the next step.</summary>
    public bool Tick { get; init; }

    /// <summary>
    /// Grows with each change of VMs, requests, or what is free: steps of requests are taken on the state that they were decided on.
    /// </summary>
    public long Version { get; init; }

    /// <summary>The line of VMs to come has a picture that it has not answered: another would only queue up behind it.</summary>
    public bool LineLooks { get; init; }

    /// <summary>Something has changed since that picture.</summary>
    public bool LineDue { get; init; }

    /// <summary>The first plan was made.</summary>
    public bool InControl { get; init; }

    /// <summary>It was told that every VM has been heard of.</summary>
    public bool AllHeard { get; init; }

    /// <summary>Before the first look nothing is promised: what there is is not known.</summary>
    public bool HasLooked => !Watches || Outlook.Sight is not null || Blind is not null;

    /// <summary>As set, but with the cushion that the host's pressure asks for.</summary>
    public HostSettings SettingsNow => Settings with { Cushion = Outlook.Cushion(Settings.Rules) };

    /// <summary>
    /// Whose processes are to be looked at: those who were forgotten, too, until they are gone, since what they hold is nobody else's.
    /// </summary>
    public ImmutableArray<VmHandle> WhoRuns() => [.. State.Vms.Values.Select(vm => vm.Handle), .. State.LetGo.Values];

    /// <summary>Why the claims do not fit the host, with figures.</summary>
    public string DeficitText() => Deficits.Text(
        State.Ledger, Settings.Memory, Outlook.Why, vm => State.Vms.TryGetValue(vm, out var record) ? record.Overhead : MemorySize.Zero);

    public HostProtocol.Status Status() => new(State, Reports, Forecasts, SettingsNow.Cushion)
    {
        ConfiguredMemory = Settings.Memory,
        Outlook = Outlook,
        Problems =
        [
            .. InDeficit ? [DeficitText()] : (string[])[],
            .. Blind is { } why ? [$"the host's memory can't be read: {why}; what was known last stands"] : (string[])[],
        ],
        Waits = Waits,
        InFlight = Operations.InFlight,
        Held = Operations.Held,
    };
}

/// <summary>What a command leads to.</summary>
/// <param name="Host">As it is once the events are written.</param>
/// <param name="Events">Written to the journal in one step, in this order.</param>
/// <param name="Effects">Carried out in this order once the events are written.</param>
public sealed record HostDecision(Host Host, ImmutableArray<IHostEvent> Events, ImmutableArray<HostEffect> Effects);
