using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Dmm.Contracts;
using Dmm.Daemon.Hosting;
using Dmm.Settings;
using Microsoft.AspNetCore.Builder;

namespace Dmm.Daemon.Tests;

/// <summary>The whole daemon in this process, with the simulated hypervisor, a real journal and a real socket in a folder of its own.</summary>
public sealed class DaemonFixture : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public DaemonFixture(string more = "")
    {
        Folder = Directory.CreateTempSubdirectory("dmmd-").FullName;
        Settings = DmmSettings.Parse(
            $$"""dmm { hypervisor = simulation, state-dir = "{{Folder}}/s", socket = "{{Folder}}/d.sock", host { memory = 2GiB, reserve = 128MiB, cushion = 64MiB } } {{more}}""",
            "test.conf");
        Client = new(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Settings.Socket.Path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new("http://dmm/api/v1/"),
            Timeout = Deadline,
        };
    }

    public string Folder { get; }

    public DmmSettings Settings { get; }

    public HttpClient Client { get; }

    private WebApplication? App { get; set; }

    private StateDirectory? State { get; set; }

    public async Task StartAsync()
    {
        State = StateDirectory.Hold(Settings.StateDir);
        App = DaemonApp.Build(Settings);
        await App.StartAsync();
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
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, path) { Content = JsonContent.Create(body, options: ContractJson.Options) };
        using var response = await Client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>());
    }

    public static CreateVmRequest Vm(string name, long min = 128, long boot = 256, long max = 1024) =>
        new() { Name = name, MinBytes = min << 20, BootBytes = boot << 20, MaxBytes = max << 20 };

    /// <summary>Waits for what the daemon says of a VM; the poll is a request, which takes its time by itself.</summary>
    public async Task<VmView> UntilAsync(string name, Func<VmView, bool> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (true)
        {
            using var response = await Client.GetAsync($"vms/{name}", deadline.Token);
            if (response.IsSuccessStatusCode
                && await response.Content.ReadFromJsonAsync<VmView>(ContractJson.Options, deadline.Token) is { } vm && condition(vm))
                return vm;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Client.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
