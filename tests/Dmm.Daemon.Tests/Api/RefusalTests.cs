using System.Text.Json;
using Dmm.Contracts;

namespace Dmm.Daemon.Tests.Api;

/// <summary>Impossible requests are refused in one line. One daemon serves all tests, since a refusal may leave nothing behind.</summary>
public sealed class RefusalTests(RunningDaemon daemon) : IClassFixture<RunningDaemon>
{
    [Theory]
    [InlineData("""{"name":"x","minBytes":2,"bootBytes":1,"maxBytes":3}""", "x: min 2 B is above boot 1 B; boot must be from min to max")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":2}""", "x: max 2 B is below boot 3 B; boot must be from min to max")]
    [InlineData("""{"name":"x","minBytes":0,"bootBytes":3,"maxBytes":3}""", "x: min is 0; a VM needs a min of its own, such as 128M")]
    [InlineData("""{"name":"x","minBytes":-1,"bootBytes":3,"maxBytes":3}""", "min is -1 bytes; it must not be negative")]
    [InlineData("""{"name":"../x","minBytes":1,"bootBytes":3,"maxBytes":3}""",
        "'../x' is not a VM name; use 1 to 48 letters, digits, '.', '-' and '_', starting with a letter or digit")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"cpus":0}""", "x: cpus is 0; it must be from 1 to 255")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"kernel":"/k","disk":"/d"}""",
        "x: both kernel and disk are given; a VM boots from one of them")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"kernel":"k"}""", "x: kernel 'k' is not an absolute path")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"network":"bridge"}""",
        "x: network is 'bridge'; it must be none or user")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"timeoutSeconds":-5}""",
        "x: timeout is -5 s; it must be more than 0 and at most a day")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"priority":1001}""",
        "x: priority is 1001; it must be from 0 to 1000")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"bootPolicy":"later"}""",
        "x: the boot policy is 'later'; it must be full or early")]
    [InlineData("""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"timeoutSeconds":5,"deadline":"2030-01-01T00:00:00Z"}""",
        "x: both a timeout and a deadline are given; one of them is enough")]
    public async Task A_spec_that_can_not_be_is_refused_in_one_line_and_leaves_nothing_behind(string body, string error)
    {
        var (status, answer) = await daemon.Daemon.PostAsync("vms", JsonDocument.Parse(body).RootElement);
        Assert.Equal((400, error, "invalid"), (status, answer.GetProperty("error").GetString(), answer.GetProperty("kind").GetString()));
        Assert.Empty(await daemon.Daemon.GetAsync<VmView[]>("vms"));
    }

    [Theory]
    [InlineData("2020-01-01T00:00:00Z", "x: the deadline 2020-01-01 00:00:00Z is past")]
    [InlineData("2120-01-01T00:00:00Z", "x: the deadline 2120-01-01 00:00:00Z is more than a day from now")]
    public async Task A_deadline_that_is_past_or_far_away_is_refused(string deadline, string error)
    {
        var (status, answer) = await daemon.Daemon.PostAsync(
            "vms", JsonDocument.Parse($$"""{"name":"x","minBytes":1,"bootBytes":3,"maxBytes":3,"deadline":"{{deadline}}"}""").RootElement);
        Assert.Equal((400, "invalid"), (status, answer.GetProperty("kind").GetString()));
        Assert.StartsWith(error, answer.GetProperty("error").GetString());
    }

    [Fact]
    public async Task More_than_the_host_has_is_refused_with_the_least_that_would_fit_asked_for_or_only_foreseen()
    {
        var body = JsonDocument.Parse("""{"name":"x","minBytes":134217728,"bootBytes":8589934592,"maxBytes":8589934592}""").RootElement;
        var (status, answer) = await daemon.Daemon.PostAsync("vms", body);
        var error = answer.GetProperty("error").GetString()!;
        Assert.Equal((422, "refused"), (status, answer.GetProperty("kind").GetString()));
        Assert.Contains("or the boot policy early, would fit", error);
        (status, answer) = await daemon.Daemon.PostAsync("vms?dryRun=true", body);
        Assert.Equal((200, "refused", false, error), (
            status, answer.GetProperty("prospect").GetString(), answer.GetProperty("fits").GetBoolean(), answer.GetProperty("text")
                .GetString()));
    }

    [Fact]
    public async Task What_is_only_foreseen_is_not_created()
    {
        var (status, answer) = await daemon.Daemon.PostAsync("vms?dryRun=true", DaemonFixture.Vm("x"));
        Assert.Equal((200, "starts", true), (status, answer.GetProperty("prospect").GetString(), answer.GetProperty("fits").GetBoolean()));
        Assert.Empty(await daemon.Daemon.GetAsync<VmView[]>("vms"));
        Assert.Empty((await daemon.Daemon.GetAsync<HostView>("host")).Admissions);
    }
}
