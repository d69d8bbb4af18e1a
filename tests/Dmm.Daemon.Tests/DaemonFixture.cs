using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dmm.Contracts;
using Dmm.Daemon.Hosting;
using Dmm.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

// This may be more than the number of processors: a daemon waits for the clock most of the time.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]

namespace Dmm.Daemon.Tests;

/// <summary>
/// The whole daemon in this process, with the simulated hypervisor, a real journal and a real socket in a folder of its own.
/// </summary>
public sealed class DaemonFixture : IAsyncDisposable
{
    /// <summary>Far longer than a busy machine needs.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>The pause between two looks: polling without a pause would take the processor from the daemon.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    public DaemonFixture(string more = "")
        : this(_ => more)
    {
    }

    /// <summary>Tests also send fields that no contract has.</summary>
    private static readonly JsonSerializerOptions AnyJson =
        new(ContractJson.Options) { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };

    /// <param name="more">Further settings, computed from the daemon's folder.</param>
    public DaemonFixture(Func<string, string> more)
    {
        Folder = Directory.CreateTempSubdirectory("dmmd-").FullName;
        Settings = DmmSettings.Parse(
            $$"""
            dmm {
              hypervisor = simulation, state-dir = "{{Folder}}/s", socket = "{{Folder}}/d.sock"
              host { memory = 2GiB, reserve = 128MiB, cushion = 64MiB }, simulation.boot-time = 50ms
            }
            {{more(Folder)}}
            """,
            "test.conf");
        Client = SocketHttp.Client(Settings.Socket.Path, "http://dmm/api/v1/", Deadline);
    }

    public string Folder { get; }

    public DmmSettings Settings { get; }

    public HttpClient Client { get; }

    private WebApplication? App { get; set; }

    private StateDirectory? State { get; set; }

    public IServiceProvider Services => App!.Services;

    public async Task StartAsync()
    {
        State = StateDirectory.Hold(Settings.StateDir);
        App = DaemonApp.Build(Settings);
        await App.StartAsync();
    }

    /// <summary>Starts the daemon and waits until its ledger governs: before that, requests are refused after some seconds.</summary>
    public async Task StartReadyAsync()
    {
        await StartAsync();
        await UntilAsync(async cancellation =>
        {
            using var response = await Client.GetAsync("/ready", cancellation);
            return response.IsSuccessStatusCode;
        });
    }

    /// <summary>Waits until the daemon ends by itself.</summary>
    /// <returns>The exit code that dmmd ends with.</returns>
    public async Task<int> EndedAsync()
    {
        var ended = new TaskCompletionSource();
        using var registration = App!.Lifetime.ApplicationStopping.Register(ended.SetResult);
        await ended.Task.WaitAsync(Deadline);
        return App.Services.GetRequiredService<Ending>().ExitCode;
    }

    public async Task StopAsync()
    {
        if (App is { } app)
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }

        App = null;
        State?.Dispose();
    }

    public async Task<T> GetAsync<T>(string path) => (await Client.GetFromJsonAsync<T>(path, ContractJson.Options))!;

    public async Task<(int Status, JsonElement Body)> PostAsync(string path, object body, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(
            method ?? HttpMethod.Post, path)
        { Content = JsonContent.Create(body, options: AnyJson) };
        using var response = await Client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>());
    }

    public static CreateVmRequest Vm(string name, long min = 128, long boot = 256, long max = 1024) =>
        new() { Name = name, MinBytes = min << 20, BootBytes = boot << 20, MaxBytes = max << 20 };

    /// <summary>Waits until the daemon's view of a VM meets the condition.</summary>
    public async Task<VmView> UntilAsync(string name, Func<VmView, bool> condition)
    {
        VmView? found = null;
        await UntilAsync(async cancellation =>
        {
            using var response = await Client.GetAsync($"vms/{name}", cancellation);
            found = response.IsSuccessStatusCode ? await response.Content.ReadFromJsonAsync<VmView>(ContractJson.Options, cancellation)
                : null;
            return found is not null && condition(found);
        });
        return found!;
    }

    /// <summary>Polls until the condition holds; fails at <see cref="Deadline"/>.</summary>
    public static async Task UntilAsync(Func<CancellationToken, Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await condition(deadline.Token))
            await Task.Delay(Pause, deadline.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Client.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
