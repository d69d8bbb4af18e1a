namespace Dmm.Testbed;

/// <summary>Something on the test bed is not as it must be; the message names the thing, what was found and what would be right.</summary>
public sealed class TestbedException : Exception
{
    public TestbedException()
    {
    }

    public TestbedException(string message)
        : base(message)
    {
    }

    public TestbedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
