namespace Dmm.Core.Admission;

/// <summary>The likely outcome of a request.</summary>
public enum Prospect
{
    /// <summary>It would start at once.</summary>
    Starts,

    /// <summary>Its peers would make room for it in time.</summary>
    Gathers,

    /// <summary>Its peers would make room for it, but not before its deadline.</summary>
    Late,

    /// <summary>It would wait for others, or until its peers need less. Whether it ever starts is not known.</summary>
    Waits,

    /// <summary>It can't start as things stand.</summary>
    Refused,
}
