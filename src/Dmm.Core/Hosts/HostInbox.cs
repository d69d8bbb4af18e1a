namespace Dmm.Core.Hosts;

/// <summary>
/// The commands that wait for the host's machine. A guest in need, and the plan that follows, come before the line of VMs to come. Of one
/// VM's reports only the newest is kept. The messages of one sender stay in their order. The size is bounded by the number of VMs and
/// askers, whatever guests do. Not thread-safe.
/// </summary>
/// <typeparam name="TAsker">Identifies who gets the answer.</typeparam>
public sealed class HostInbox<TAsker>
{
    /// <summary>At most this many commands of one rank are taken in a row while others wait in a lower rank.</summary>
    public const int InARow = 16;

    private readonly LinkedList<(IHostCommand Command, TAsker Asker)>[] _ranks = [new(), new(), new()];
    private readonly Dictionary<VmId, LinkedListNode<(IHostCommand Command, TAsker Asker)>> _reports = [];
    private readonly Dictionary<VmId, LinkedListNode<(IHostCommand Command, TAsker Asker)>> _urgent = [];
    private bool _beats;
    private int _rank;
    private int _taken;

    private enum Rank
    {
        Pressure,
        Usual,
        Line,
    }

    public int Count => _ranks.Sum(static rank => rank.Count);

    public void Put(IHostCommand command, TAsker asker)
    {
        var rank = _ranks[(int)RankOf(command)];
        switch (command)
        {
            case VmProtocol.Report report:
                // If another kind of command has come since, both reports stay: one was sent before it, the other after.
                if (_reports.TryGetValue(report.Vm, out var older))
                {
                    // What was read of its process is reported only once.
                    var read = ((VmProtocol.Report)older.Value.Command).Resident;
                    older.Value = (report.Resident is null && read is not null ? report with { Resident = read } : report, asker);
                    return;
                }

                _reports[report.Vm] = rank.AddLast((command, asker));
                break;
            case PredictorProtocol.Forecasts { Tick: false, Items: [var only] }:
                if (_urgent.TryGetValue(only.Vm, out var earlier))
                {
                    earlier.Value = (command, asker);
                    return;
                }

                _urgent[only.Vm] = rank.AddLast((command, asker));
                break;
            // While one beat waits, another would only make the same plan again.
            case HostCommand.Beat when _beats:
                break;
            default:
                _beats |= command is HostCommand.Beat;
                Follow(command);
                rank.AddLast((command, asker));
                break;
        }
    }

    public bool TryTake(out IHostCommand command, out TAsker asker)
    {
        (command, asker) = (null!, default!);
        if (Next() is not { } rank)
            return false;
        _taken = rank == _rank ? _taken + 1 : 1;
        _rank = rank;
        var node = _ranks[rank].First!;
        _ranks[rank].RemoveFirst();
        (command, asker) = node.Value;
        _beats &= command is not HostCommand.Beat;
        if (command is VmProtocol.Report report && _reports.GetValueOrDefault(report.Vm) == node)
            _reports.Remove(report.Vm);
        else if (command is PredictorProtocol.Forecasts { Tick: false, Items: [var only] } && _urgent.GetValueOrDefault(only.Vm) == node)
            _urgent.Remove(only.Vm);
        return true;
    }

    /// <summary>
    /// Returns the first rank in which a command waits; after <see cref="InARow"/> commands of it in a row, the next one.
    /// </summary>
    private int? Next()
    {
        int? first = null;
        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            if (_ranks[rank].Count == 0)
                continue;
            if (rank != _rank || _taken < InARow)
                return rank;
            first ??= rank;
        }

        return first;
    }

    private static Rank RankOf(IHostCommand command) => command switch
    {
        PredictorProtocol.Forecasts or PredictorProtocol.Lost or HostCommand.Plan or HostCommand.Beat => Rank.Pressure,
        HostProtocol.TakeSteps or HostProtocol.RecordRequest or HostProtocol.GiveUp or HostProtocol.LineStarted => Rank.Line,
        _ => Rank.Usual,
    };

    /// <summary>
    /// Keeps a command from being overtaken by one that was sent later. Otherwise a look at the host would count as newer than reports that
    /// came after it, and an old forecast as newer than an urgent one.
    /// </summary>
    private void Follow(IHostCommand command)
    {
        if (command is PredictorProtocol.Forecasts or PredictorProtocol.Lost)
            _urgent.Clear();
        else if (RankOf(command) == Rank.Usual)
            _reports.Clear();
    }
}
