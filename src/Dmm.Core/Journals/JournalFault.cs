namespace Dmm.Core.Journals;

/// <summary>
/// A fault of the journal, in one line. <paramref name="Corrupt"/>: it will not go away by itself, and a person must decide.
/// </summary>
public sealed record JournalFault(bool Corrupt, string Why);
