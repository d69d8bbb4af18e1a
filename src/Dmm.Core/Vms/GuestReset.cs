namespace Dmm.Core.Vms;

/// <summary>
/// What is not known of a VM since its guest was reset. The guest owns all that it booted with from that moment on, but the hypervisor goes
/// on showing the balloon's last figure until the guest's driver writes a new one, which it does only when the balloon moves. Source: QEMU,
/// virtio_balloon_device_reset; Linux, virtballoon_probe and update_balloon_size.
/// </summary>
/// <param name="At">When the reset was seen.</param>
/// <param name="Figure">The balloon's figure from before the reset; null once the balloon's figure is the guest's own.</param>
/// <param name="Heard">Whether the guest was heard of since.</param>
public sealed record GuestReset(Moment At, MemorySize? Figure, bool Heard)
{
    /// <summary>
    /// A guest's words that come this soon after a reset are from before it: they were still on their way. No guest boots as fast.
    /// </summary>
    public static readonly TimeSpan Echo = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How far a balloon is moved so that its driver writes its figure. Less than the distance at which a VM counts as having reached its
    /// target (<see cref="MechanismProfile.Tolerance"/>).
    /// </summary>
    public static readonly MemorySize Nudge = MemorySize.FromMiB(1);

    /// <summary>Why nothing is asked of such a VM, for people.</summary>
    public const string Why = "its guest was reset and has not reported since";

    public static GuestReset Of(VmSizes shown, Moment at) => new(at, shown.Ballooned.IsZero ? null : shown.Ballooned, Heard: false);

    /// <summary>The sizes as they count: a figure that is not the guest's own holds nothing back.</summary>
    public VmSizes Counted(VmSizes shown) => shown.Ballooned == Figure ? shown with { Ballooned = MemorySize.Zero } : shown;

    /// <summary>The reset after these sizes were seen.</summary>
    public GuestReset See(VmSizes shown) => shown.Ballooned == Figure ? this : this with { Figure = null };

    /// <summary>
    /// What to ask of the balloon instead of <paramref name="ballooned"/>, so that its driver writes its figure: a little more, and not
    /// what it shows.
    /// </summary>
    /// <param name="told">What it was last told: that stays where it is as good.</param>
    public MemorySize Nudged(MemorySize ballooned, MemorySize told)
    {
        if (Figure is not { } figure || (told != figure && told >= ballooned && told <= ballooned + Nudge + Nudge && !told.IsZero))
            return Figure is null ? ballooned : told;
        return ballooned + Nudge == figure ? figure + Nudge : ballooned + Nudge;
    }
}
