using System.Runtime.ExceptionServices;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The one thread of a simulation. It has no synchronization context, so that every continuation runs at once where it was triggered. Its
/// stack is large enough for histories in which one event triggers a long chain.
/// </summary>
internal static class SimulationThread
{
    private const int Stack = 16 << 20;

    public static T Run<T>(Func<T> work)
    {
        T? result = default;
        ExceptionDispatchInfo? fault = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = work();
                }
                catch (Exception e)
                {
                    fault = ExceptionDispatchInfo.Capture(e);
                }
            },
            Stack);
        thread.Start();
        thread.Join();
        fault?.Throw();
        return result!;
    }
}
