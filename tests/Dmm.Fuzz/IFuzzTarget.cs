using Dmm.Core;

namespace Dmm.Fuzz;

/// <summary>An edge of DMM that reads what others write. One instance is used by one worker, for one input at a time.</summary>
internal interface IFuzzTarget : IAsyncDisposable
{
    /// <summary>One input in so many also goes through the real reading loop, with sockets and state; 0: none does.</summary>
    int LiveEvery { get; }

    /// <summary>Makes an input: a valid one, nearly valid, or none of both. The same numbers make the same input.</summary>
    byte[] Make(SeededRandom random);

    /// <summary>Gives the input to the code that reads it.</summary>
    /// <param name="live">Also through the real reading loop.</param>
    /// <returns>The rule that was broken; null where all is well. An exception that is thrown is a fault, too.</returns>
    Task<string?> TryAsync(byte[] input, bool live);

    /// <summary>The most bytes that may be allocated for an input where no loop is involved.</summary>
    long MostAllocated(byte[] input);
}
