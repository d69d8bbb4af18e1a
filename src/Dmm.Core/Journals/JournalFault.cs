namespace Dmm.Core.Journals;

/// <summary>
/// What went wrong with the journal, in a line; <paramref name="Corrupt"/>: it will not go away by itself, a person must decide.
/// </summary>
public sealed record JournalFault(bool Corrupt, string Why);
