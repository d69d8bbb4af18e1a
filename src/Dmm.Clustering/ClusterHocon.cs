using System.Globalization;
using System.Text.Json;
using Akka.Configuration;
using Akka.Hosting.Logging;
using Dmm.Clustering.Serialization;
using Dmm.Core.Clusters;

namespace Dmm.Clustering;

/// <summary>
/// Akka's configuration of a node's cluster. Nothing in it comes from a file as text: names and addresses have narrow alphabets, the rest
/// is numbers.
/// </summary>
public static class ClusterHocon
{
    /// <summary>The name of the actor system: one cluster, one name.</summary>
    public const string System = "dmm";

    /// <summary>The scheme of Akka's addresses with TLS.</summary>
    public const string Protocol = "akka.ssl.tcp";

    /// <summary>The most bytes of a message between nodes.</summary>
    public const int LongestMessage = 256 << 10;

    /// <summary>What Akka puts around a message: addresses of sender and receiver, and its name.</summary>
    private const int Envelope = 16 << 10;

    /// <summary>The role that carries a node's name: every member hears it with the gossip, before any other message.</summary>
    public const string NamePrefix = "node:";

    /// <summary>
    /// The only paths that another node may address by text. Of these the cluster's own are Akka's; <c>/user/node</c> is
    /// <see cref="MembershipActor"/>.
    /// </summary>
    private static readonly string[] Trusted =
    [
        "/system/cluster/core/daemon", "/system/cluster/heartbeatReceiver", "/system/remote-watcher", $"/user/{MembershipActor.Name}",
    ];

    public static string AddressOf(NodeAddress node) => $"{Protocol}://{System}@{node}";

    public static Config Of(NodeSettings settings, string version) =>
        ConfigurationFactory.ParseString(string.Create(CultureInfo.InvariantCulture, $$"""
            akka {
              loggers = ["{{NameOf(typeof(LoggerFactoryLogger))}}"]
              stdout-loglevel = OFF
              actor {
                provider = cluster
                {{Serializers}}
                # Heartbeats and gossip must not wait behind anybody's work.
                internal-dispatcher {
                  executor = "fork-join-executor"
                  fork-join-executor { parallelism-min = 2, parallelism-factor = 1.0, parallelism-max = 2 }
                }
              }
              coordinated-shutdown { run-by-clr-shutdown-hook = off, exit-clr = off, terminate-actor-system = on }
              remote {
                untrusted-mode = on
                trusted-selection-paths = [{{string.Join(", ", Trusted.Select(path => $"\"{path}\""))}}]
                log-remote-lifecycle-events = off
                # A node that was cut off is asked again soon: a cluster heals within a minute.
                retry-gate-closed-for = 1s
                # Each direction has a connection of its own. With one for both, a node that starts again just as another tries to reach
                # it may be left with a connection to nowhere (Akka.NET drops a handle whose writer has ended): it speaks, and hears
                # nothing.
                use-passive-connections = off
                dot-netty.tcp {
                  hostname = "{{settings.Address.HostName}}"
                  port = {{settings.Address.Port}}
                  enable-ssl = true
                  ssl { suppress-validation = false, require-mutual-authentication = true }
                  maximum-frame-size = {{LongestMessage + Envelope}}b
                  connection-timeout = 5s
                }
              }
              cluster {
                roles = [{{settings.Role.ToString().ToLowerInvariant()}}, "{{NamePrefix}}{{settings.Node}}"]
                app-version = "{{version}}"
                run-coordinated-shutdown-when-down = on
                seed-node-timeout = 5s
                retry-unsuccessful-join-after = 3s
                gossip-interval = 300ms
                leader-actions-interval = 300ms
                unreachable-nodes-reaper-interval = 300ms
                allow-weakly-up-members = 3s
                log-info = off
                failure-detector {
                  heartbeat-interval = {{Milliseconds(settings.Heartbeat)}}
                  acceptable-heartbeat-pause = {{Milliseconds(settings.Pause)}}
                  expected-response-after = {{Milliseconds(settings.Heartbeat)}}
                  min-std-deviation = 100ms
                }
                downing-provider-class = "Akka.Cluster.SBR.SplitBrainResolverProvider, Akka.Cluster"
                split-brain-resolver {
                  active-strategy = {{JsonNamingPolicy.KebabCaseLower.ConvertName(settings.Downing.ToString())}}
                  stable-after = {{Milliseconds(settings.StableAfter)}}
                  down-all-when-unstable = {{Milliseconds(10 * settings.StableAfter)}}
                  static-quorum.quorum-size = {{Math.Max(1, settings.Quorum)}}
                }
              }
            }
            """));

    /// <summary>
    /// The serializers that a node has: its own, and those of Akka that the cluster itself needs, some of them behind a guard. All that
    /// can make an object of a type that the sender names are replaced by one that refuses, under their numbers.
    /// </summary>
    private static string Serializers
    {
        get
        {
            var refuse = NameOf(typeof(NoSerializer));
            return $$"""
                serializers {
                  json = "{{NameOf(typeof(NoJson))}}"
                  proto = "{{NameOf(typeof(NoProtobuf))}}"
                  daemon-create = "{{NameOf(typeof(NoDeployment))}}"
                  reliable-delivery = "{{NameOf(typeof(NoDelivery))}}"
                  akka-misc = "{{NameOf(typeof(GuardedMisc))}}"
                  akka-system-msg = "{{NameOf(typeof(GuardedSystem))}}"
                  none = "{{refuse}}"
                  dmm-node = "{{NameOf(typeof(NodeSerializer))}}"
                }
                serialization-bindings {
                  "System.Object" = none
                  "{{NameOf(typeof(INodeMessage))}}" = dmm-node
                }
                """;
        }
    }

    private static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";

    private static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalMilliseconds}ms");
}
