using Dmm.Core.Vms;

namespace Dmm.Core.Memory;

/// <summary>
/// How far it is believed that memory which a VM's balloon holds is free for others. A balloon's figure is the guest's word: a guest that
/// reboots, runs out of memory or lies takes ballooned memory back by itself, without asking anybody.
/// </summary>
public enum Trust
{
    /// <summary>
    /// Memory is free once the VM's process no longer holds it. What the guest takes back later is counted when it is seen.
    /// </summary>
    Measured,

    /// <summary>The same, and the host itself holds the process to its claim: what the guest takes back is taken from itself.</summary>
    Enforced,

    /// <summary>Nothing that the guest could take back by itself is free: its balloon frees no memory for others.</summary>
    None,
}

/// <summary>The trust in each VM: the setting <c>dmm.vm.trust</c>, and what the host can enforce of it.</summary>
public static class Trusts
{
    /// <param name="setting">
    /// <see cref="Trust.Enforced"/> demands it: a VM that can't be held to its claim is then not trusted at all.
    /// </param>
    /// <param name="enforced">The host holds this VM to its claim.</param>
    public static Trust Of(Trust setting, bool enforced) => setting switch
    {
        Trust.None => Trust.None,
        _ when enforced => Trust.Enforced,
        Trust.Enforced => Trust.None,
        _ => Trust.Measured,
    };

    /// <summary>For people: what the trust in a VM is, and what it costs.</summary>
    /// <param name="sizes">Null before they are known.</param>
    /// <param name="because">Why the host can't hold the VM to its claim; null where it can.</param>
    public static string Text(Trust trust, VmSizes? sizes, string? group, string? because)
    {
        var ballooned = sizes?.Ballooned ?? MemorySize.Zero;
        var why = because is null ? "" : $" ({because})";
        return trust switch
        {
            Trust.Enforced => $"held to its claim by control group {group}",
            Trust.None when ballooned.IsZero => $"its balloon frees nothing for others{why}",
            Trust.None => $"the {ballooned} in its balloon stay counted as its own, since its guest can take them back{why}",
            _ when ballooned.IsZero => $"what its process holds is measured{why}",
            _ => $"the {ballooned} in its balloon are counted as free; if its guest takes them back, others must give{why}",
        };
    }
}
