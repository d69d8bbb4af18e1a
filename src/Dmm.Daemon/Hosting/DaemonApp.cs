using Akka.Actor;
using Akka.Cluster;
using Akka.Hosting;
using Dmm.Actors.Events;
using Dmm.Actors.Explaining;
using Dmm.Actors.Hosts;
using Dmm.Core;
using Dmm.Core.Hypervisors;
using Dmm.Daemon.Api;
using Dmm.Daemon.Journals;
using Dmm.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Dmm.Daemon.Hosting;

/// <summary>Puts the house together: settings, hypervisor, actors and HTTP, and takes it down in the other order. The VMs run on.</summary>
public static class DaemonApp
{
    /// <exception cref="StartException">It can't start; the message says why in one line.</exception>
    public static WebApplication Build(DmmSettings settings)
    {
        ControlSocket.Clear(settings.Socket.Path);
        var store = OpenJournal(settings);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            // Its own folder: ASP.NET would otherwise watch the working directory, which may be / with /proc below it.
            ContentRootPath = AppContext.BaseDirectory,
            Args = ["--hostBuilder:reloadConfigOnChange=false"],
        });
        builder.Logging.ClearProviders().AddSimpleConsole(o => (o.SingleLine, o.TimestampFormat, o.UseUtcTimestamp) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ ", true));
        builder.Logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Akka", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, settings));
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(10));
        builder.Services.AddSingleton<Ending>();
        // Made by a function, so that the house lets go of it when it is taken down.
        builder.Services.AddSingleton(_ => store);
        builder.Services.AddSingleton(services =>
        {
            var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("dmm.hypervisor");
            return ActorSettings.HypervisorOf(settings, text => log.LogInformation("{Text}", text));
        });
        builder.Services.AddAkka("dmm", (akka, services) => akka
            .AddHocon(ActorSettings.AkkaOf(settings), HoconAddMode.Prepend)
            .WithActors((system, registry) => Start(system, registry, services, settings)));

        var app = builder.Build();
        var registry = app.Services.GetRequiredService<ActorRegistry>();
        var hypervisor = app.Services.GetRequiredService<IHypervisor>();
        app.MapGet("/alive", () => Results.Text("alive\n"));
        // The actors start with the host, after the routes are made: they are looked up at the first request.
        var gateway = new Lazy<HostGateway>(() => new(registry.Get<HostKeeper>(), registry.Get<EventLogActor>(), registry.Get<DecisionLogActor>()));
        app.MapApi(() => gateway.Value, hypervisor, Environment.MachineName, settings.Vm.StopGrace);
        app.MapExplanations(() => gateway.Value, new PastPromises(settings.Journal.Path, settings.Journal.BusyTimeout), TimeProvider.System);
        app.MapGet("/metrics", async (HttpContext http, CancellationToken c) => await Metrics.WriteAsync(await gateway.Value.StatusAsync(c), http.Response, c));
        app.MapGet("/ready", async (CancellationToken c) => await gateway.Value.HealthAsync(c) is { Problem: { } problem } health
            ? Results.Text(health.Writable ? $"ready, but {problem}\n" : problem + "\n", statusCode: health.Writable ? 200 : 503)
            : Results.Text("ready\n"));
        app.Lifetime.ApplicationStarted.Register(() => ControlSocket.Guard(settings.Socket));
        return app;
    }

    private static void Listen(KestrelServerOptions kestrel, DmmSettings settings)
    {
        kestrel.Limits.MaxRequestBodySize = 1 << 20;
        kestrel.ListenUnixSocket(settings.Socket.Path);
        if (settings.Http.Port > 0)
            kestrel.Listen(settings.Http.Address, settings.Http.Port);
    }

    private static void Start(ActorSystem system, IActorRegistry registry, IServiceProvider services, DmmSettings settings)
    {
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("dmm");
        registry.Register<EventLogActor>(system.ListenerOf<Happening>(EventLogActor.Props(settings.Events.Keep), "events"));
        registry.Register<DecisionLogActor>(
            system.ListenerOf<Planned>(DecisionLogActor.Props(new(settings.Explain.Keep, settings.Explain.Most), TimeProvider.System), DecisionLogActor.Name));
        var hypervisor = services.GetRequiredService<IHypervisor>();
        var ending = services.GetRequiredService<Ending>();
        var (host, vms, demand) = (ActorSettings.HostOf(settings), ActorSettings.VmsOf(settings), ActorSettings.DemandOf(settings));
        var admission = new Actors.Admission.AdmissionSettings { Deadline = settings.Admission.Deadline, Queue = settings.Admission.Queue };
        var watch = ActorSettings.WatchOf(settings, hypervisor);
        registry.Register<HostKeeper>(system.ActorOf(
            HostKeeper.Props(
                tenure => HostActor.Props(hypervisor, host, vms, demand, admission, watch, tenure),
                services.GetRequiredService<JournalStore>(),
                new() { ProcessStart = ProcessStart(), GiveUp = GiveUp }),
            HostKeeper.Name));
        var cluster = Cluster.Get(system);
        cluster.Join(cluster.SelfAddress);

        // A journal that is corrupt does not mend itself, and without it nothing can be promised: a person must look. The VMs run on.
        void GiveUp(string why)
        {
            log.LogCritical("{Why}; {WayOut}", why, JournalFaults.WayOut);
            ending.With(ExitCodes.JournalCorrupt);
        }
    }

    /// <summary>A journal that is not there although VMs run was lost: a new one would promise their memory to others.</summary>
    private static JournalStore OpenJournal(DmmSettings settings)
    {
        if (!File.Exists(settings.Journal.Path) && ActorSettings.HypervisorOf(settings, _ => { }) is IInventory inventory && inventory.Running() is { Count: > 0 } vms)
        {
            throw new StartException(
                $"there is no journal {settings.Journal.Path}, but {vms.Count} VMs run, such as {vms[0]}, whose memory would be promised to others; "
                + "'dmmd journal rebuild' makes one from what the hypervisor says")
            {
                ExitCode = ExitCodes.JournalCorrupt,
            };
        }

        return JournalStore.Open(settings.Journal.Path, settings.Journal.BusyTimeout, TimeProvider.System);
    }

    /// <summary>.NET tells it by the wall's clock, as that goes at the first question.</summary>
    private static Moment ProcessStart()
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        return Clocks.Read(TimeProvider.System).MomentOf(self.StartTime);
    }
}
