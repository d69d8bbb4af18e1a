namespace Dmm.Benchmarks.Houses;

/// <summary>A control law under test, and the guests with which it performs best.</summary>
/// <param name="Name">Its name in figures and plots.</param>
/// <param name="Policy"><c>dmm.policy</c>.</param>
/// <param name="BootsWithMax">
/// The law can only use balloons: its guests boot with their max, since they could never reach it otherwise.
/// </param>
/// <param name="EqualParts">Each guest's max is its equal part of the host: fixed memory, and enough for all of them.</param>
/// <param name="Unlimited">The host has the max of every guest.</param>
internal sealed record Rival(string Name, string Policy, bool BootsWithMax = false, bool EqualParts = false, bool Unlimited = false)
{
    public static Rival Dmm { get; } = new("dmm", "dmm");

    /// <summary>The same load with as much memory as it could ever want: the reference for the others.</summary>
    public static Rival Plenty { get; } = new("unlimited", "static", Unlimited: true);

    public static IReadOnlyList<Rival> All { get; } =
    [
        Dmm, new("static", "static", EqualParts: true), new("mom", "mom", BootsWithMax: true),
        new("proxmox", "proxmox", BootsWithMax: true), new("squeezed", "squeezed"), Plenty,
    ];
}
