using System.Collections.Immutable;
using Akka.Persistence;
using Akka.Persistence.Journal;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;

namespace Dmm.Actors.Tests;

/// <summary>
/// A journal in memory that fails, or takes its time, when it is told to. What it is told is found under the actor system's name.
/// </summary>
public sealed class FaultyJournal : MemoryJournal
{
    protected override async Task<IImmutableList<Exception>> WriteMessagesAsync(
        IEnumerable<AtomicWrite> messages, CancellationToken cancellationToken)
    {
        var faults = JournalFaults.Of(Context.System.Name);
        var writes = messages.ToList();
        if (faults.Gate is { } gate)
            await gate.Task;
        if (faults.WriteFault is { } fault)
            throw fault;
        faults.Writes += writes.Count;
        return await base.WriteMessagesAsync(writes, cancellationToken);
    }
}

/// <summary>What is wrong with the journal of one actor system.</summary>
public sealed class JournalFaults
{
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, JournalFaults> All = new();

    public Exception? WriteFault { get; set; }

    /// <summary>Writes wait until it is set.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public int Writes { get; set; }

    public static JournalFaults Of(string system) => All.GetOrAdd(system, _ => new());
}

/// <summary>The file behind it, which there is none of: what it says is set by the test.</summary>
public sealed class FakeStore(JournalFaults faults) : IJournalStore
{
    /// <summary>What <see cref="Look"/> says until the journal is mended.</summary>
    public string? Lost { get; set; }

    public int Mended { get; private set; }

    /// <summary>What was known when the journal had to be written anew.</summary>
    public ImmutableArray<IHostEvent>? Known { get; private set; }

    public JournalFault Judge(Exception cause) => new(cause is JournalContentException, cause.Message);

    /// <summary>Thrown by the next look, and never again.</summary>
    public Exception? LookFault { get; set; }

    public string? Look()
    {
        if (LookFault is not { } fault)
            return Lost;
        LookFault = null;
        throw fault;
    }

    public Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation)
    {
        if (faults.WriteFault is { } fault)
            throw fault;
        Mended++;
        if (Lost is null)
            return Task.FromResult<string?>(null);
        (Lost, Known) = (null, known);
        return Task.FromResult<string?>("written anew");
    }
}
