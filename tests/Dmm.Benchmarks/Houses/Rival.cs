namespace Dmm.Benchmarks.Houses;

/// <summary>A control law in the ring, and how guests meet it so that it is at its best.</summary>
/// <param name="Name">In figures and plots.</param>
/// <param name="Policy"><c>dmm.policy</c>.</param>
/// <param name="BootsWithMax">It knows balloons alone: its guests booted with their max, or they could never reach it.</param>
/// <param name="EqualParts">Each guest's max is its equal part of the host: memory that is fixed, and enough for all of them.</param>
/// <param name="Unlimited">The host has each guest's max for it.</param>
internal sealed record Rival(string Name, string Policy, bool BootsWithMax = false, bool EqualParts = false, bool Unlimited = false)
{
    public static Rival Dmm { get; } = new("dmm", "dmm");

    /// <summary>The same load with as much memory as it could ever want: what the others are measured by.</summary>
    public static Rival Plenty { get; } = new("unlimited", "static", Unlimited: true);

    public static IReadOnlyList<Rival> All { get; } =
    [
        Dmm, new("static", "static", EqualParts: true), new("mom", "mom", BootsWithMax: true),
        new("proxmox", "proxmox", BootsWithMax: true), new("squeezed", "squeezed"), Plenty,
    ];
}
