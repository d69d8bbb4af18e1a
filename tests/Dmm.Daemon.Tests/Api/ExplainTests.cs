using System.Net;
using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Daemon.Tests.Api;

/// <summary>The explanation over HTTP of why a VM has its memory.</summary>
public sealed class ExplainTests : IAsyncLifetime
{
    private readonly DaemonFixture _daemon = new();

    public async Task InitializeAsync()
    {
        await _daemon.StartReadyAsync();
        await _daemon.PostAsync("vms", DaemonFixture.Vm("a"));
        await _daemon.UntilAsync("a", v => v.State == "settled");
    }

    public async Task DisposeAsync() => await _daemon.DisposeAsync();

    private async Task<ExplanationView> UntilAsync(Func<ExplanationView, bool> condition, string query = "")
    {
        ExplanationView? found = null;
        await DaemonFixture.UntilAsync(async cancellation =>
        {
            using var response = await _daemon.Client.GetAsync($"vms/a/explain{query}", cancellation);
            found = response.IsSuccessStatusCode
                ? JsonSerializer.Deserialize<ExplanationView>(await response.Content.ReadAsStringAsync(cancellation), ContractJson.Options)
                : null;
            return found is not null && condition(found);
        });
        return found!;
    }

    private async Task<(int, string?)> RefusedAsync(string path)
    {
        using var response = await _daemon.Client.GetAsync(path);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error")
            .GetString());
    }

    private static string At(DateTimeOffset at) => $"?at={Uri.EscapeDataString(at.UtcDateTime.ToString("O"))}";

    [Fact]
    public async Task A_vm_is_explained_as_of_now_and_as_of_before()
    {
        var before = await UntilAsync(e => e.Forecast is not null && e.Guest is not null);
        Assert.Equal(("memory", 256L << 20), (before.Source, before.GrantedBytes));
        Assert.Equal("agent", before.Guest!.Source);
        Assert.Equal("memory", before.Text[0].Topic);
        var then = DateTimeOffset.UtcNow;

        await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20));
        await _daemon.UntilAsync("a", v => v.ActualBytes == 512L << 20);
        var after = await UntilAsync(e => e.ActualBytes == 512L << 20);
        Assert.Equal(512L << 20, after.OperatorTargetBytes);
        Assert.Contains(after.HeldBack, h => h.Kind == "operator");
        Assert.Equal((256L << 20, (string?)null), (after.Got!.Bytes, Assert.Single(after.Got.Peers).Vm));
        Assert.Equal(512L << 20, after.Changes[0].GrantedBytes);
        Assert.Contains(after.Text, l => l is { Topic: "rule", Text: "operator: 512 MiB was set by hand" });

        var past = await _daemon.GetAsync<ExplanationView>($"vms/a/explain{At(then)}");
        Assert.Equal((256L << 20, (long?)null), (past.GrantedBytes, past.OperatorTargetBytes));
        Assert.True(past.DecidedAt <= then);
    }

    [Fact]
    public async Task What_a_restarted_daemon_does_not_remember_the_journal_still_tells_in_part()
    {
        await _daemon.PostAsync("vms/a/resize", new ResizeVmRequest(512L << 20));
        await _daemon.UntilAsync("a", v => v.ActualBytes == 512L << 20);
        var then = DateTimeOffset.UtcNow;
        await _daemon.StopAsync();
        await _daemon.StartAsync();
        await UntilAsync(e => e.Source == "memory");

        var past = await _daemon.GetAsync<ExplanationView>($"vms/a/explain{At(then)}");
        Assert.Equal(("journal", 512L << 20), (past.Source, past.GrantedBytes));
        Assert.Null(past.Forecast);
        Assert.Equal((string?)null, Assert.Single(past.Changes[0].From).Vm);
        Assert.Contains(past.Text, l => l.Topic == "note" && l.Text.StartsWith("from the journal", StringComparison.Ordinal));

        var (status, why) = await RefusedAsync($"vms/a/explain{At(then - TimeSpan.FromDays(1))}");
        Assert.Equal(404, status);
        Assert.Contains("decisions about it are remembered since", why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_can_not_be_explained_says_why()
    {
        Assert.Equal((404, "there is no VM b on this host; 'dmm vm list' shows all VMs"), await RefusedAsync("vms/b/explain"));
        var (status, why) = await RefusedAsync($"vms/a/explain{At(DateTimeOffset.UtcNow.AddHours(1))}");
        Assert.Equal(400, status);
        Assert.EndsWith("which is in the future; only past decisions can be explained", why, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await _daemon.Client.GetAsync("vms/a/explain?at=yesterday")).StatusCode);
    }
}
