namespace Dmm.Core.Journals;

/// <summary>The journal has invalid content: an event that does not decode or does not follow from those before, or a gap.</summary>
public sealed class JournalContentException : Exception
{
    public JournalContentException()
    {
    }

    public JournalContentException(string message)
        : base(message)
    {
    }

    public JournalContentException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
