using Akka.Actor;
using Akka.Hosting;
using Dmm.Actors.Events;
using Dmm.Actors.Explaining;
using Dmm.Actors.Supervision;
using Dmm.Core;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Daemon.Api;
using Dmm.Daemon.Clusters;
using Dmm.Daemon.Journals;
using Dmm.Daemon.Management;
using Dmm.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// Builds the daemon from settings, hypervisor, actors and HTTP, and shuts it down in the reverse order. The VMs run on.
/// </summary>
public static class DaemonApp
{
    /// <exception cref="StartException">The daemon can't start; the message says why in one line.</exception>
    public static WebApplication Build(DmmSettings settings)
    {
        // Cheap checks come before anything is made.
        if (settings.Socket.Group is { } group)
            ControlSocket.GroupOf(group);
        ControlSocket.Clear(settings.Socket.Path);
        var store = OpenJournal(settings);
        Listeners? listeners = null;
        try
        {
            listeners = Listeners.Bind(settings);
            return Build(settings, store, listeners);
        }
        catch
        {
            listeners?.Dispose();
            store.Dispose();
            throw;
        }
    }

    private static WebApplication Build(DmmSettings settings, JournalStore store, Listeners listeners)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            // The daemon's own folder: ASP.NET would otherwise watch the working directory, which may be / with /proc below it.
            ContentRootPath = AppContext.BaseDirectory,
            Args = ["--hostBuilder:reloadConfigOnChange=false"],
        });
        builder.Logging.ClearProviders()
            .AddSimpleConsole(o => (o.SingleLine, o.TimestampFormat, o.UseUtcTimestamp) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ ", true));
        builder.Logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Akka", LogLevel.Warning);
        // dmmd itself reports in one line why it can't start.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = Bodies.MaxBytes;
            kestrel.Limits.MaxRequestLineSize = ErrorBodies.LongestFirstLine;
            listeners.Configure(kestrel, settings);
        });
        builder.Services.Configure<SocketTransportOptions>(listeners.Configure);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(10));
        builder.Services.AddSingleton<Ending>();
        builder.Services.AddSingleton<Vitals>();
        // Registered through functions, so that the service container disposes them.
        builder.Services.AddSingleton(_ => store);
        builder.Services.AddSingleton(_ => listeners);
        builder.Services.AddSingleton(services =>
        {
            var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("dmm.hypervisor");
            return ActorSettings.HypervisorOf(settings, text => log.LogInformation("{Text}", text));
        });
        builder.Services.AddSingleton(services => new ClusterService(
            settings, services.GetRequiredService<ActorSystem>(), services.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddAkka("dmm", (akka, services) => akka
            .AddHocon(ActorSettings.AkkaOf(settings), HoconAddMode.Prepend)
            .WithActors((system, registry) => Start(system, registry, services, settings)));

        // After the host's actors, so that it starts after them and stops before them.
        builder.Services.AddHostedService(services => services.GetRequiredService<ClusterService>());

        var app = builder.Build();
        app.Services.GetRequiredService<Listeners>();
        StartAkka(app);
        var registry = app.Services.GetRequiredService<ActorRegistry>();
        var hypervisor = app.Services.GetRequiredService<IHypervisor>();
        var vitals = app.Services.GetRequiredService<Vitals>();
        // The actors start with the web host, after the routes are made, so they are looked up at the first request.
        var gateway = new Lazy<HostGateway>(
            () => new(registry.Get<DmmActor>(), registry.Get<EventLogActor>(), registry.Get<DecisionLogActor>(), vitals));
        app.Use(ErrorBodies.AnswerAsync);
        var cluster = app.Services.GetRequiredService<ClusterService>();
        var api = app.MapApi(() => gateway.Value, hypervisor, settings);
        app.MapExplanations(
            () => gateway.Value, new PastPromises(settings.Journal.Path, settings.Journal.BusyTimeout), TimeProvider.System);
        api.MapCluster(() => cluster.Node, settings.Node);
        app.MapManagement(() => cluster.Node, settings.ManagementReadOnly);
        app.MapProbes(() => gateway.Value, () => cluster.Node);
        return app;
    }

    /// <summary>
    /// Makes the actor system, without an actor yet, so that faults in the section akka are found here. A provider that would open a
    /// port is refused.
    /// </summary>
    private static void StartAkka(WebApplication app)
    {
        try
        {
            var system = (ExtendedActorSystem)app.Services.GetRequiredService<ActorSystem>();
            if (system.Provider is not LocalActorRefProvider)
                throw Unlike($"Akka runs with {system.Provider.GetType().Name}, which opens an unprotected port; it must be local");
        }
        catch (Exception fault) when (fault is not StartException)
        {
            throw Unlike($"Akka does not start with the settings in section akka: {StartException.InOneLine(fault)}", fault);
        }

        static StartException Unlike(string why, Exception? cause = null) => new(why, cause!) { ExitCode = ExitCodes.Usage };
    }

    private static void Start(ActorSystem system, IActorRegistry registry, IServiceProvider services, DmmSettings settings)
    {
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("dmm");
        registry.Register<EventLogActor>(
            system.ListenerOf<Notice>(EventLogActor.Props(settings.Events.Keep, TimeProvider.System), "events"));
        registry.Register<DecisionLogActor>(
            system.ListenerOf<Planned>(
                DecisionLogActor.Props(new(settings.Explain.Keep, settings.Explain.Most), TimeProvider.System), DecisionLogActor.Name));
        var hypervisor = services.GetRequiredService<IHypervisor>();
        var ending = services.GetRequiredService<Ending>();
        var house = new House(hypervisor, services.GetRequiredService<JournalStore>())
        {
            Host = ActorSettings.HostOf(settings),
            Vms = ActorSettings.VmsOf(settings),
            Demand = settings.Demand,
            Models = new ModelStore(Path.Combine(settings.StateDir, "models.db"), settings.Journal.BusyTimeout),
            Watch = ActorSettings.WatchOf(settings, hypervisor),
            Keeper = new() { ProcessStart = ProcessStart(), GiveUp = GiveUp },
        };
        registry.Register<DmmActor>(system.ActorOf(DmmActor.Props(house), DmmActor.Name));
        system.ActorOf(
            VitalActor.Props([registry.Get<DmmActor>(), registry.Get<EventLogActor>(), registry.Get<DecisionLogActor>()], Ended),
            VitalActor.Name);

        // A corrupt journal does not repair itself, and no memory can be promised without it: a person must look at it. The VMs run on.
        void GiveUp(string why)
        {
            log.LogCritical("{Why}; {WayOut}", why, JournalFaults.WayOut);
            ending.With(ExitCodes.JournalCorrupt);
        }

        // Without this actor no request is answered and no memory is promised, and nothing in this process starts it again.
        void Ended(string actor)
        {
            var why = $"the actor {actor} has ended, and nothing can be promised without it; the daemon ends, the VMs run on";
            if (!services.GetRequiredService<Vitals>().End(why))
                return;
            log.LogCritical("{Why}", why);
            ending.With(ExitCodes.Failed);
        }
    }

    /// <summary>
    /// Refuses to start without a journal while VMs run: the journal was lost, and a new one would promise their memory to others.
    /// </summary>
    private static JournalStore OpenJournal(DmmSettings settings)
    {
        if (!File.Exists(settings.Journal.Path) && ActorSettings.HypervisorOf(settings, _ => { }) is IInventory inventory
            && inventory.Running() is { Count: > 0 } vms)
        {
            throw new StartException(
                $"there is no journal {settings.Journal.Path}, but {vms.Count} VMs run, such as {vms[0]}; their memory would be "
                    + $"promised to others; "
                + "'dmmd journal rebuild' makes one from what the hypervisor reports")
            {
                ExitCode = ExitCodes.JournalCorrupt,
            };
        }

        return JournalStore.Open(settings.Journal.Path, settings.Journal.BusyTimeout, TimeProvider.System);
    }

    /// <summary>The start of this process. .NET gives it by the wall's clock, as that is set at the first query.</summary>
    private static Moment ProcessStart()
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        return Clocks.Read(TimeProvider.System).MomentOf(self.StartTime);
    }
}
