using System.Net;
using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Daemon.Tests;

/// <summary>What can't be is refused in one line; one daemon serves all, since nothing may be left behind.</summary>
public sealed class RefusalTests(RunningDaemon daemon) : IClassFixture<RunningDaemon>
{
    [Theory]
    [InlineData("""{"name":"x","minBytes":2,"bootBytes":1,"maxBytes":3}""", "x: min 2 B is above boot 1 B; boot must be from min to max")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":2}""", "x: max 2 B is below boot 3 B; boot must be from min to max")]
    [InlineData("""{"name":"x","minBytes":0,"bootBytes":3,"maxBytes":3}""", "x: min is 0; a VM needs a min of its own, such as 128M")]
    [InlineData("""{"name":"x","minBytes":-1,"bootBytes":3,"maxBytes":3}""", "min is -1 bytes; it must not be negative")]
    [InlineData("""{"name":"../x","minBytes":1,"bootBytes":3,"maxBytes":3}""", "'../x' is not a VM name; use 1 to 48 letters, digits, '.', '-' and '_', starting with a letter or digit")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"cpus":0}""", "x: cpus is 0; it must be from 1 to 255")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"kernel":"/k","disk":"/d"}""", "x: both kernel and disk are given; a VM boots from one of them")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"kernel":"k"}""", "x: kernel 'k' is no absolute path")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"network":"bridge"}""", "x: network is 'bridge'; it must be none or user")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"timeoutSeconds":-5}""", "x: timeout is -5 s; it must be more than 0 and at most a day")]
    public async Task A_spec_that_can_not_be_is_refused_in_one_line_and_leaves_nothing_behind(string body, string error)
    {
        var (status, answer) = await daemon.Daemon.PostAsync("vms", JsonDocument.Parse(body).RootElement);
        Assert.Equal((400, error, "invalid"), (status, answer.GetProperty("error").GetString(), answer.GetProperty("kind").GetString()));
        Assert.Empty(await daemon.Daemon.GetAsync<VmView[]>("vms"));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"name":"x"}""")]
    [InlineData("""{"name":"x","minBytes":"many","bootBytes":1,"maxBytes":1}""")]
    public async Task A_body_that_is_no_request_is_refused_in_one_line(string body)
    {
        using var response = await daemon.Daemon.Client.PostAsync("vms", new StringContent(body));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetString()!;
        Assert.StartsWith("the body ", error);
        Assert.DoesNotContain('\n', error);
    }
}

public sealed class RunningDaemon : IAsyncLifetime
{
    public DaemonFixture Daemon { get; } = new();

    public Task InitializeAsync() => Daemon.StartAsync();

    public async Task DisposeAsync() => await Daemon.DisposeAsync();
}
