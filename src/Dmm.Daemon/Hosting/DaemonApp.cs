using Akka.Actor;
using Akka.Cluster;
using Akka.Hosting;
using Dmm.Actors.Events;
using Dmm.Actors.Hosts;
using Dmm.Core.Hypervisors;
using Dmm.Daemon.Api;
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
        Journal.Prepare(settings.Journal.Path);
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
        var gateway = new Lazy<HostGateway>(() => new(registry.Get<HostActor>(), registry.Get<EventLogActor>()));
        app.MapApi(() => gateway.Value, hypervisor, Environment.MachineName, settings.Vm.StopGrace);
        app.MapGet("/ready", async (CancellationToken c) =>
        {
            try
            {
                await gateway.Value.StatusAsync(c);
                return Results.Text("ready\n");
            }
            catch (AskTimeoutException)
            {
                return Results.Text("the host's ledger does not answer\n", statusCode: 500);
            }
        });
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
        registry.Register<EventLogActor>(system.ActorOf(EventLogActor.Props(settings.Events.Keep), "events"));
        var host = system.ActorOf(
            HostActor.Props(
                services.GetRequiredService<IHypervisor>(), ActorSettings.HostOf(settings), ActorSettings.VmsOf(settings),
                ActorSettings.DemandOf(settings), new() { Deadline = settings.Admission.Deadline, Queue = settings.Admission.Queue }),
            HostActor.Name);
        registry.Register<HostActor>(host);
        var cluster = Cluster.Get(system);
        cluster.Join(cluster.SelfAddress);

        // Without its ledger the daemon governs nothing: it ends with the reason in the log, the VMs run on, and its supervisor starts it anew.
        var lifetime = services.GetRequiredService<IHostApplicationLifetime>();
        host.WatchAsync(CancellationToken.None).ContinueWith(
            _ =>
            {
                if (lifetime.ApplicationStopping.IsCancellationRequested)
                    return;
                log.LogCritical("the host's actor has ended: its journal can't be read or written; the VMs run on without DMM until it is back");
                Environment.ExitCode = 1;
                lifetime.StopApplication();
            },
            TaskScheduler.Default);
    }
}
