namespace Dmm.Testbed;

/// <summary>Something on the test bed is wrong; the message names the thing, its actual state and the right one.</summary>
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
