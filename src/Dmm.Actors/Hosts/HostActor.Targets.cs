using System.Collections.Immutable;
using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;

namespace Dmm.Actors.Hosts;

/// <summary>From what was promised to what the VMs' actors are told.</summary>
public sealed partial class HostActor
{
    private readonly Dictionary<VmId, Told> _told = [];
    private long _tellings;
    private Operations _operations = new();
    private ImmutableArray<Wait> _waits = [];

    private void TellTargets()
    {
        (var tell, _operations) = HostDispatch.Next(_state, _reports, _forecasts, _told, _operations, _waits, _settings, Now);
        foreach (var (id, message) in tell)
        {
            _told[id] = new(message, ++_tellings);
            _children[id].Tell(message with { Number = _tellings });
        }
    }
}
