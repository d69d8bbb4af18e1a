using System.Globalization;
using Akka.Configuration;
using Akka.Dispatch;

namespace Dmm.Actors.Tests;

/// <summary>
/// Delays actors now and then, as on a busy machine: with DMM_TEST_JITTER=15 each actor is delayed by some milliseconds in 15 % of its
/// turns. Off unless that is set. A test that passes only while actors are quick fails with it.
/// </summary>
public sealed class JitteryExecutor(Config config, IDispatcherPrerequisites prerequisites)
    : ExecutorServiceConfigurator(config, prerequisites)
{
    private const string Percent = "jitter-percent";

    public static Config FromEnvironment()
    {
        if (Environment.GetEnvironmentVariable("DMM_TEST_JITTER") is not { } said)
            return Config.Empty;
        if (!byte.TryParse(said, NumberStyles.None, CultureInfo.InvariantCulture, out var percent) || percent > 100)
            throw new ArgumentException($"DMM_TEST_JITTER is '{said}'; it takes a percentage, 0 to 100");
        return ConfigurationFactory.ParseString($$"""
            akka.actor.default-dispatcher {
              executor = "{{typeof(JitteryExecutor).FullName}}, {{typeof(JitteryExecutor).Assembly.GetName().Name}}"
              {{Percent}} = {{percent}}
            }
            """);
    }

    public override ExecutorService Produce(string id) => new Service(id, Config.GetInt(Percent));

    private sealed class Service(string id, int percent) : ExecutorService(id)
    {
        public override void Execute(IRunnable run)
        {
            if (Random.Shared.Next(100) < percent)
                Task.Delay(Random.Shared.Next(1, 25)).ContinueWith(_ => run.Run(), TaskScheduler.Default);
            else
                ThreadPool.UnsafeQueueUserWorkItem(static r => r.Run(), run, preferLocal: false);
        }

        public override void Shutdown()
        {
        }
    }
}
