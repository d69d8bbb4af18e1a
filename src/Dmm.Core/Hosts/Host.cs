using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// All that the host's machine knows: the fold of the journal, and state that is not persisted because the next look at the world restores
/// it.
/// </summary>
/// <param name="State">The fold of the journal, with the ledger.</param>
/// <param name="Settings">As they were read. <see cref="SettingsNow"/> has the present cushion.</param>
/// <param name="Watches">True where a monitor looks at the host itself. Otherwise the host is taken to have what the settings say.</param>
public sealed record Host(HostState State, HostSettings Settings, bool Watches)
{
    /// <summary>The boot of this host; null where that can't be told.</summary>
    public string? BootId { get; init; }

    /// <summary>The last report of each VM's actor.</summary>
    public ImmutableDictionary<VmId, VmProtocol.Report> Reports { get; init; } = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;

    public ImmutableDictionary<VmId, Forecast> Forecasts { get; init; } = ImmutableDictionary<VmId, Forecast>.Empty;

    /// <summary>The last target that each VM's actor was told since it started.</summary>
    public ImmutableDictionary<VmId, Told> Told { get; init; } = ImmutableDictionary<VmId, Told>.Empty;

    /// <summary>The number of the last target that was told to any VM.</summary>
    public long Tellings { get; init; }

    /// <summary>The VMs that move, and those that wait for a place.</summary>
    public Operations Operations { get; init; } = new();

    /// <summary>Until then no VM has memory on lease: somebody asked for it. Null: nobody has.</summary>
    public Moment? NoLeasesUntil { get; init; }

    /// <summary>
    /// What was read of a VM's devices before then may be out of date: a VM that runs was let go of then, or this machine, which does not
    /// know when an earlier one let one go, took up the journal.
    /// </summary>
    public Moment ReadAfter { get; init; }

    /// <summary>Which VM waits for whose memory, by the last plan.</summary>
    public ImmutableArray<Wait> Waits { get; init; } = [];

    /// <summary>How each VM was seen to shrink.</summary>
    public ImmutableDictionary<VmId, ShrinkHistory> Shrinks { get; init; } = ImmutableDictionary<VmId, ShrinkHistory>.Empty;

    /// <summary>The memory that the host itself was seen to have.</summary>
    public HostOutlook Outlook { get; init; } = new(Settings.Memory);

    /// <summary>The memory that DMM can count on, as operators were last told.</summary>
    public MemorySize SaidMemory { get; init; } = Settings.Memory;

    /// <summary>Why the host's memory can't be read; null while it can.</summary>
    public string? Blind { get; init; }

    /// <summary>The VMs that keep memory that they say they gave.</summary>
    public Keepers Keepers { get; init; } = new();

    /// <summary>True when operators were told that the claims do not fit the host.</summary>
    public bool InDeficit { get; init; }

    /// <summary>VMs whose actors have started before: if one starts now, it is a restart.</summary>
    public ImmutableHashSet<VmId> StartedOnce { get; init; } = [];

    /// <summary>
    /// VMs whose launch was decided since the daemon started and has not been ordered yet: none of their processes can run.
    /// </summary>
    public ImmutableHashSet<VmId> Fresh { get; init; } = [];

    /// <summary>VMs of the journal that have not been heard from since the daemon started.</summary>
    public ImmutableHashSet<VmId> Unheard { get; init; } = [];

    /// <summary>The handles of the processes that are looked at.</summary>
    public ImmutableArray<VmHandle> Watched { get; init; } = [];

    /// <summary>True when a plan was asked for and has not been made yet.</summary>
    public bool PlanQueued { get; init; }

    /// <summary>True when forecasts were asked for and have not come yet.</summary>
    public bool AwaitsForecasts { get; init; }

    /// <summary>True at the end of a period of planning: VMs that give slowly are then asked for the next step.</summary>
    public bool Tick { get; init; }

    /// <summary>
    /// Grows with each change of VMs, requests, or free memory. Steps of requests are taken only on the version that they were decided on.
    /// </summary>
    public long Version { get; init; }

    /// <summary>True while the line of VMs to come has a picture that it has not answered: another would only queue up behind it.</summary>
    public bool LineLooks { get; init; }

    /// <summary>True when something has changed since that picture.</summary>
    public bool LineDue { get; init; }

    /// <summary>True once the first plan was made.</summary>
    public bool InControl { get; init; }

    /// <summary>True once it was announced that every VM has been heard from.</summary>
    public bool AllHeard { get; init; }

    /// <summary>False before the first look: nothing is promised then, because the host's memory is not known.</summary>
    public bool HasLooked => !Watches || Outlook.Sight is not null || Blind is not null;

    /// <summary>
    /// The settings as read, but with the cushion that the host's pressure asks for. Leases remain a part of the cushion as read: a host
    /// under pressure leaves its guests no more to take.
    /// </summary>
    public HostSettings SettingsNow
    {
        get
        {
            var cushion = Outlook.Cushion(Settings.Rules);
            return cushion == Settings.Cushion ? Settings : Settings with
            {
                Cushion = cushion,
                Leased = cushion.IsZero ? 0 : Settings.Leased * Settings.Cushion.Bytes / cushion.Bytes,
            };
        }
    }

    /// <summary>
    /// Returns the VMs whose processes are to be looked at. Forgotten VMs are included until they are gone, because what they hold can't be
    /// given to others.
    /// </summary>
    public ImmutableArray<VmHandle> WhoRuns() => [.. State.Vms.Values.Select(vm => vm.Handle), .. State.LetGo.Values];

    /// <summary>Explains with figures why the claims do not fit the host.</summary>
    public string DeficitText() => Deficits.Text(
        State.Ledger, Settings.Memory, Outlook.Why, vm => State.Vms.TryGetValue(vm, out var record) ? record.Overhead : MemorySize.Zero);

    public HostProtocol.Status Status() => new(State, Reports, Forecasts, SettingsNow.Cushion)
    {
        ConfiguredMemory = Settings.Memory,
        Trust = Settings.Trust,
        Outlook = Outlook,
        Problems =
        [
            .. InDeficit ? [DeficitText()] : (string[])[],
            .. Blind is { } why ? [$"the host's memory can't be read: {why}; the last known figures stand"] : (string[])[],
        ],
        Waits = Waits,
        InFlight = Operations.InFlight,
        Held = Operations.Held,
    };
}

/// <summary>The result of a command.</summary>
/// <param name="Host">The host's state once the events are written.</param>
/// <param name="Events">Written to the journal in one step, in this order.</param>
/// <param name="Effects">Carried out in this order once the events are written.</param>
public sealed record HostDecision(Host Host, ImmutableArray<IHostEvent> Events, ImmutableArray<HostEffect> Effects);
