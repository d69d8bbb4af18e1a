using System.Collections.Immutable;
using Akka.Persistence;
using Akka.Persistence.Journal;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;

namespace Dmm.Actors.Tests;

/// <summary>A journal in memory that fails, or is slow, when a test demands it. Its faults are found by the actor system's name.</summary>
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

/// <summary>The faults of the journal of one actor system.</summary>
public sealed class JournalFaults
{
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, JournalFaults> All = new();

    public Exception? WriteFault { get; set; }

    /// <summary>Writes wait until this is set.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public int Writes { get; set; }

    public static JournalFaults Of(string system) => All.GetOrAdd(system, _ => new());
}

/// <summary>The journal's file, which does not exist: the test sets its answers.</summary>
public sealed class FakeStore(JournalFaults faults) : IJournalStore
{
    /// <summary>The answer of <see cref="Look"/> until the journal is repaired.</summary>
    public string? Lost { get; set; }

    public int Mended { get; private set; }

    /// <summary>The known events when the journal had to be written anew.</summary>
    public ImmutableArray<IHostEvent>? Known { get; private set; }

    public JournalFault Judge(Exception cause) => new(cause is JournalContentException, cause.Message);

    /// <summary>Thrown by the next look only.</summary>
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
