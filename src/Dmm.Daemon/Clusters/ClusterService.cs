using Akka.Actor;
using Dmm.Clustering;
using Dmm.Core;
using Dmm.Core.Events;
using Dmm.Daemon.Hosting;
using Dmm.Settings;

namespace Dmm.Daemon.Clusters;

/// <summary>
/// Runs the node's part in its cluster, where it has one, beside the host's actors: it starts after them and ends before them, and no
/// fault of it ends the daemon.
/// </summary>
public sealed class ClusterService : IHostedService, IAsyncDisposable
{
    private readonly ClusterNode? _node;

    /// <exception cref="StartException">The node's certificates can't be used.</exception>
    public ClusterService(DmmSettings settings, ActorSystem host, ILoggerFactory logs)
    {
        if (settings.Cluster is not { } cluster)
            return;
        var log = logs.CreateLogger("dmm.cluster");
        try
        {
            _node = new(cluster, ReleaseVersion.Text, (kind, text) =>
            {
                log.LogInformation("{Kind}: {Text}", kind, text);
                host.EventStream.Publish(new Notice(Clocks.Read(TimeProvider.System).Wall, kind, null, text));
            }, logs);
        }
        catch (NodeTlsException fault)
        {
            throw new StartException(fault.Message, fault) { ExitCode = ExitCodes.Usage };
        }
    }

    /// <summary>Null: this node runs alone.</summary>
    public ClusterNode? Node => _node;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _node?.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    public ValueTask DisposeAsync() => _node?.DisposeAsync() ?? ValueTask.CompletedTask;
}
