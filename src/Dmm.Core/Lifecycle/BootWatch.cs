namespace Dmm.Core.Lifecycle;

/// <summary>
/// Whether a VM that was launched and has not been heard of yet is given up. Only ever asked of a VM in its first boot: one that was heard of once, or was adopted,
/// may restart its guest as often and for as long as it likes. Pure.
/// </summary>
public static class BootWatch
{
    /// <param name="unheard">How long it has been in hand, connected, without a word from its guest.</param>
    /// <returns>Why it is given up; null: it is not.</returns>
    public static string? Verdict(BootCheck check, TimeSpan unheard, TimeSpan deadline) =>
        check == BootCheck.Heard && unheard >= deadline
            ? $"nothing was heard of its guest within {deadline.TotalSeconds:0.#} s (dmm.vm.boot-deadline): neither its agent nor its balloon spoke, so it never booted, "
                + "or can't speak; its console may say why, and boot-check = none lets a guest be silent"
            : null;
}
