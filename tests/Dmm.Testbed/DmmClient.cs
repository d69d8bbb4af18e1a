using System.Net.Http.Json;
using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Testbed;

/// <summary>The daemon's HTTP interface over its Unix socket, as other programs use it.</summary>
public sealed class DmmClient : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http;

    public DmmClient(string socket) => _http = SocketHttp.Client(socket, "http://dmmd/", Deadline);

    public void Dispose() => _http.Dispose();

    public async Task<bool> IsReadyAsync(CancellationToken cancellation)
    {
        try
        {
            using var answer = await _http.GetAsync("ready", cancellation);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public Task<HostView> HostAsync(CancellationToken cancellation) => GetAsync<HostView>("api/v1/host", cancellation);

    public Task<VmView[]> VmsAsync(CancellationToken cancellation) => GetAsync<VmView[]>("api/v1/vms", cancellation);

    public Task<VmView> VmAsync(string name, CancellationToken cancellation) => GetAsync<VmView>($"api/v1/vms/{name}", cancellation);

    public Task<EventView[]> EventsAsync(CancellationToken cancellation) => GetAsync<EventView[]>("api/v1/events", cancellation);

    public Task<DoneView> CreateAsync(CreateVmRequest vm, CancellationToken cancellation) => PostAsync("api/v1/vms", vm, cancellation);

    public Task<DoneView> AdoptAsync(string name, AdoptVmRequest vm, CancellationToken cancellation) =>
        PostAsync($"api/v1/vms/{name}/adopt", vm, cancellation);

    public async Task<DoneView> SetAsync(string name, SetVmRequest policy, CancellationToken cancellation)
    {
        using var answer = await _http.PatchAsJsonAsync($"api/v1/vms/{name}", policy, ContractJson.Options, cancellation);
        return await ReadAsync<DoneView>(answer, cancellation);
    }

    /// <param name="bytes">Null: DMM decides again.</param>
    public Task<DoneView> ResizeAsync(string name, long? bytes, CancellationToken cancellation) =>
        PostAsync($"api/v1/vms/{name}/resize", new ResizeVmRequest(bytes), cancellation);

    /// <param name="kill">True ends its process after the grace period; false lets a guest that does not power down run on.</param>
    public Task<DoneView> StopAsync(string name, TimeSpan grace, CancellationToken cancellation, bool kill = false) =>
        PostAsync($"api/v1/vms/{name}/stop", new StopVmRequest(grace.TotalSeconds) { Kill = kill }, cancellation);

    public Task<DoneView> StartAsync(string name, CancellationToken cancellation) =>
        PostAsync($"api/v1/vms/{name}/start", new StartVmRequest(null), cancellation);

    public async Task<DoneView> ForgetAsync(string name, CancellationToken cancellation)
    {
        using var answer = await _http.PostAsync($"api/v1/vms/{name}/forget", null, cancellation);
        return await ReadAsync<DoneView>(answer, cancellation);
    }

    /// <summary>Waits until the VM meets <paramref name="is"/>.</summary>
    /// <exception cref="TestbedException">The VM does not meet it in time; the message says how the VM is.</exception>
    public async Task<VmView> WaitForVmAsync(
        string name, string what, Func<VmView, bool> @is, TimeSpan deadline, CancellationToken cancellation)
    {
        VmView? last = null;
        return await Wait.ForAsync(
            $"{name}: {what}",
            async () =>
            {
                last = (await VmsAsync(cancellation)).FirstOrDefault(vm => vm.Id == name);
                return last is not null && @is(last) ? last : null;
            },
            deadline,
            cancellation,
            () => last is null ? "there is no such VM" : $"it is {last.State} with {last.ActualBytes >> 20} MiB ({last.Why})",
            TimeSpan.FromMilliseconds(200));
    }

    private async Task<T> GetAsync<T>(string path, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(path, cancellation);
        return await ReadAsync<T>(answer, cancellation);
    }

    private async Task<DoneView> PostAsync<T>(string path, T body, CancellationToken cancellation)
    {
        using var answer = await _http.PostAsJsonAsync(path, body, ContractJson.Options, cancellation);
        return await ReadAsync<DoneView>(answer, cancellation);
    }

    /// <exception cref="TestbedException">The daemon refused; the message is the daemon's own line.</exception>
    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        try
        {
            if (answer.IsSuccessStatusCode)
                return JsonSerializer.Deserialize<T>(text, ContractJson.Options) ?? throw new JsonException("null");
            throw new TestbedException(JsonSerializer.Deserialize<ErrorView>(text, ContractJson.Options)?.Error ?? text);
        }
        catch (JsonException e)
        {
            throw new TestbedException(
                $"dmmd answered {(int)answer.StatusCode}, but the answer is malformed: {text[..Math.Min(text.Length, 200)]}", e);
        }
    }
}
