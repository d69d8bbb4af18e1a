namespace Dmm.Daemon.Tests.Clusters;

/// <summary>Daemons whose network is cut, and that die: each goes on managing its own VMs, and the cluster heals by itself.</summary>
[Trait(Category.Name, Category.Long)]
[Collection(nameof(Alone))]
public sealed class PartitionTests
{
    [NetworkFact]
    public async Task A_node_that_is_cut_off_manages_its_own_VMs_and_is_back_when_the_cut_is_mended()
    {
        using var cluster = new DaemonCluster(3);
        await cluster.StartAllAsync();
        Assert.True(await cluster.CreateAsync(3, "before"));

        cluster.Network.Cut([3], [1, 2]);

        await cluster.UntilAsync(async () => await cluster.UpAsync(1) == 2 && await MembersAsync(cluster, 1) == 2, "1 and 2 go on alone");
        await cluster.UntilAsync(async () => (await cluster.ViewOfAsync(3))?.Trouble is not null, "3 knows that it is out");
        Assert.True(await cluster.CreateAsync(3, "meanwhile"));
        Assert.Equal(["before", "meanwhile"], (await cluster.VmsOfAsync(3)).Order());
        cluster.Network.Heal();
        await cluster.UntilAsync(cluster.AllUpAsync, "all are one again");
        Assert.Equal(["before", "meanwhile"], (await cluster.VmsOfAsync(3)).Order());
    }

    [NetworkFact]
    public async Task Halves_cuts_of_one_direction_and_cables_that_come_and_go_all_heal()
    {
        using var cluster = new DaemonCluster(4);
        await cluster.StartAllAsync();

        // Two halves of two: the one with the lowest address goes on.
        cluster.Network.Cut([1, 2], [3, 4]);
        await cluster.UntilAsync(
            async () => await MembersAsync(cluster, 1) == 2 && (await cluster.ViewOfAsync(4))?.Trouble is not null, "one half goes on");
        foreach (var host in cluster.Hosts)
            Assert.True(await cluster.CreateAsync(host, "halves"), $"host {host} takes a VM");
        cluster.Network.Heal();
        await cluster.UntilAsync(cluster.AllUpAsync, "the halves are one again");

        // One direction: 2 hears 3, and is not heard by it.
        cluster.Network.CutOneWay(2, 3);
        await cluster.UntilAsync(async () => await cluster.UpAsync(1) < 4, "it is seen");
        foreach (var host in cluster.Hosts)
            Assert.True(await cluster.CreateAsync(host, "one-way"), $"host {host} takes a VM");
        cluster.Network.Heal();
        await cluster.UntilAsync(cluster.AllUpAsync, "both directions are back");

        for (var time = 0; time < 6; time++)
        {
            cluster.Network.Cut([1 + (time % 4)], cluster.Hosts.Where(host => host != 1 + (time % 4)));
            await Task.Delay(TimeSpan.FromSeconds(1 + (time % 3)));
            cluster.Network.Heal();
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        await cluster.UntilAsync(cluster.AllUpAsync, "the flapping is over");
        foreach (var host in cluster.Hosts)
            Assert.Equal(["halves", "one-way"], (await cluster.VmsOfAsync(host)).Order());
    }

    [NetworkFact]
    public async Task A_node_killed_and_started_again_is_back_with_its_VMs()
    {
        using var cluster = new DaemonCluster(3);
        await cluster.StartAllAsync();
        Assert.True(await cluster.CreateAsync(1, "vm"));
        await cluster.UntilAsync(async () => (await cluster.VmsOfAsync(1)).Count == 1, "the VM is there");

        // The first seed and the oldest: the others must not need it.
        cluster.Kill(1);
        await cluster.UntilAsync(async () => await MembersAsync(cluster, 2) == 2 && await cluster.UpAsync(3) == 2, "2 and 3 go on");
        cluster.Start(1);

        await cluster.UntilAsync(cluster.AllUpAsync, "all are up");
        Assert.Equal(["vm"], await cluster.VmsOfAsync(1));
    }

    private static async Task<int> MembersAsync(DaemonCluster cluster, int host) => (await cluster.ViewOfAsync(host))?.Members.Count ?? 0;
}

/// <summary>Tests that run when no others of this project do: several daemons at once take all processors.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
