namespace Dmm.Core.Laws;

/// <summary>A law that can say whose growth may not wait: it is served before others that asked earlier.</summary>
public interface ITellsUrgency
{
    /// <summary>As of the last decision.</summary>
    bool IsUrgent(int slot);
}
