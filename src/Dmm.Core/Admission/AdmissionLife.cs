using System.Collections.Frozen;

namespace Dmm.Core.Admission;

/// <summary>
/// How far a request for a new VM has come. The last five states are final: of a request that has reached one, nothing is kept except the
/// VM, if it runs.
/// </summary>
public enum AdmissionState
{
    /// <summary>Written to the journal, not looked at yet.</summary>
    Requested,

    /// <summary>Nothing can be done for it now: others come first, or its peers can't give the memory that it lacks.</summary>
    Waiting,

    /// <summary>There is a plan of which peer gives how much.</summary>
    Planned,

    /// <summary>All peers of the plan have been told to give.</summary>
    Shrinking,

    /// <summary>Its memory is set aside. It waits for its turn to be launched; no process of it exists.</summary>
    Reserved,

    /// <summary>A process of it may exist.</summary>
    Launching,

    Running,
    Refused,
    Expired,
    Cancelled,
    Failed,
}

/// <summary>The steps of a request. Each is an event of the host's journal.</summary>
public enum AdmissionStep
{
    Plan,
    Wait,
    PeersAsked,
    Reserve,
    LaunchBegins,
    Launched,
    Expire,
    Cancel,
    Fail,
}

/// <summary>
/// The life of a request as a table of steps; docs/use/admission.md draws it. A step that is not in the table can't happen.
/// </summary>
public static class AdmissionLife
{
    private static readonly FrozenDictionary<(AdmissionState, AdmissionStep), AdmissionState> Table = new[]
    {
        Row(AdmissionState.Requested, AdmissionStep.Plan, AdmissionState.Planned),
        Row(AdmissionState.Requested, AdmissionStep.Wait, AdmissionState.Waiting),
        Row(AdmissionState.Requested, AdmissionStep.Reserve, AdmissionState.Reserved),
        Row(AdmissionState.Requested, AdmissionStep.Expire, AdmissionState.Expired),
        Row(AdmissionState.Requested, AdmissionStep.Cancel, AdmissionState.Cancelled),

        Row(AdmissionState.Waiting, AdmissionStep.Plan, AdmissionState.Planned),
        Row(AdmissionState.Waiting, AdmissionStep.Wait, AdmissionState.Waiting),
        Row(AdmissionState.Waiting, AdmissionStep.Reserve, AdmissionState.Reserved),
        Row(AdmissionState.Waiting, AdmissionStep.Expire, AdmissionState.Expired),
        Row(AdmissionState.Waiting, AdmissionStep.Cancel, AdmissionState.Cancelled),

        Row(AdmissionState.Planned, AdmissionStep.Plan, AdmissionState.Planned),
        Row(AdmissionState.Planned, AdmissionStep.Wait, AdmissionState.Waiting),
        Row(AdmissionState.Planned, AdmissionStep.PeersAsked, AdmissionState.Shrinking),
        Row(AdmissionState.Planned, AdmissionStep.Reserve, AdmissionState.Reserved),
        Row(AdmissionState.Planned, AdmissionStep.Expire, AdmissionState.Expired),
        Row(AdmissionState.Planned, AdmissionStep.Cancel, AdmissionState.Cancelled),

        Row(AdmissionState.Shrinking, AdmissionStep.Plan, AdmissionState.Planned),
        Row(AdmissionState.Shrinking, AdmissionStep.Wait, AdmissionState.Waiting),
        Row(AdmissionState.Shrinking, AdmissionStep.Reserve, AdmissionState.Reserved),
        Row(AdmissionState.Shrinking, AdmissionStep.Expire, AdmissionState.Expired),
        Row(AdmissionState.Shrinking, AdmissionStep.Cancel, AdmissionState.Cancelled),

        Row(AdmissionState.Reserved, AdmissionStep.LaunchBegins, AdmissionState.Launching),
        Row(AdmissionState.Reserved, AdmissionStep.Cancel, AdmissionState.Cancelled),

        Row(AdmissionState.Launching, AdmissionStep.Launched, AdmissionState.Running),
        Row(AdmissionState.Launching, AdmissionStep.Fail, AdmissionState.Failed),
    }.ToFrozenDictionary(row => row.Key, row => row.Value);

    /// <summary>Returns the state that a step leads to; null where the step can't be taken.</summary>
    public static AdmissionState? After(AdmissionState state, AdmissionStep step) =>
        Table.TryGetValue((state, step), out var next) ? next : null;

    /// <summary>True while the system looks for the memory that the request lacks.</summary>
    public static bool Seeks(this AdmissionState state) => state <= AdmissionState.Shrinking;

    /// <summary>True while its peers give memory for it.</summary>
    public static bool Gathers(this AdmissionState state) => state is AdmissionState.Planned or AdmissionState.Shrinking;

    private static KeyValuePair<(AdmissionState, AdmissionStep), AdmissionState> Row(
        AdmissionState from, AdmissionStep step, AdmissionState to) => new((from, step), to);
}
