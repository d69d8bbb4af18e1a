namespace Dmm.Core.Admission;

/// <summary>What would become of a request.</summary>
public enum Prospect
{
    /// <summary>It would start at once.</summary>
    Starts,

    /// <summary>Its peers would make room for it in time.</summary>
    Gathers,

    /// <summary>They would, but not before its deadline.</summary>
    Late,

    /// <summary>It would wait for others, or for its peers to need less; whether it ever starts is not known.</summary>
    Waits,

    /// <summary>It can't be as things stand.</summary>
    Refused,
}
