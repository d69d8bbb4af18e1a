namespace Dmm.Hocon;

/// <summary>Reads a text as a value; false where it is none.</summary>
public delegate bool TryRead<T>(string text, out T value);
