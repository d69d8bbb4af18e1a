namespace Dmm.Hocon;

/// <summary>Reads a text as a value; returns false where it is not one.</summary>
public delegate bool TryRead<T>(string text, out T value);
