namespace Dmm.Core.Laws;

/// <summary>A law that can tell which guests' growth may not wait: such a guest is served before others that asked earlier.</summary>
public interface ITellsUrgency
{
    /// <summary>Whether the guest in this slot was urgent at the last decision.</summary>
    bool IsUrgent(int slot);
}
