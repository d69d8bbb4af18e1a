using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Testbed.Tests;

/// <summary>
/// Facts about the reach of the guests' user network in a real QEMU, with the same -netdev that DMM uses: the test makes the frames, in
/// place of a guest's network card. Source of the addresses: QEMU, "Network emulation", user mode.
/// </summary>
public sealed class NetworkFacts
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly byte[] Guest = [10, 0, 2, 15];
    private static readonly byte[] Host = [10, 0, 2, 2];
    private static readonly byte[] Names = [10, 0, 2, 3];
    private static readonly byte[] GuestCard = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
    private static readonly byte[] HostCard = [0x52, 0x55, 10, 0, 2, 2];

    [Fact]
    public async Task A_guest_does_not_reach_what_listens_on_its_host_s_loopback() => Assert.False(await ReachesAsync(open: false));

    [Fact]
    public async Task Where_the_network_was_opened_it_does() => Assert.True(await ReachesAsync(open: true));

    private static async Task<bool> ReachesAsync(bool open)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var card = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var place = FreePort();
        using var qemu = Start(open, ((IPEndPoint)card.Client.LocalEndPoint!).Port, place.Port);
        try
        {
            // Frames are handled in order: once the second question is answered, QEMU has handled the connection attempt before it.
            await AnsweredAsync(card, place, Host);
            await card.SendAsync(Call(((IPEndPoint)listener.LocalEndpoint).Port), place);
            await AnsweredAsync(card, place, Names);
            using var late = new CancellationTokenSource(Deadline);
            if (open)
                (await listener.AcceptSocketAsync(late.Token)).Dispose();
            return open || listener.Pending();
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync();
        }
    }

    private static Process Start(bool open, int card, int qemu)
    {
        var settings = new QemuSettings { StateDirectory = "/tmp", OpenUserNetwork = open };
        var spec = new VmSpec
        {
            Id = VmId.Parse("net"),
            Policy = new(MemorySize.FromMiB(64), MemorySize.FromMiB(64)),
            Boot = MemorySize.FromMiB(64),
            Medium = new BootMedium.KernelBoot("/k", null, null),
            Network = VmNetwork.User,
        };
        var arguments = QemuCommandLine.Build(spec, settings, VmFolder.Of(settings, spec.Id), QemuAccel.Tcg, MemorySize.FromGiB(4))
            .ToList();
        var network = arguments[arguments.IndexOf("-netdev") + 1];
        string[] hubs =
        [
            "-M", "none", "-nodefaults", "-display", "none", "-netdev", network, "-netdev", "hubport,hubid=0,id=h0,netdev=net0",
            "-netdev", $"socket,id=card,udp=127.0.0.1:{card},localaddr=127.0.0.1:{qemu}", "-netdev", "hubport,hubid=0,id=h1,netdev=card",
        ];
        return Process.Start(new ProcessStartInfo(settings.Binary, hubs) { RedirectStandardError = true })!;
    }

    /// <summary>Asks who has an address until that is answered; QEMU does not answer before it listens.</summary>
    private static async Task AnsweredAsync(UdpClient card, IPEndPoint qemu, byte[] who)
    {
        using var late = new CancellationTokenSource(Deadline);
        while (true)
        {
            await card.SendAsync(Question(who), qemu, late.Token);
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(late.Token);
            pause.CancelAfter(Pause);
            try
            {
                while (!IsAnswer((await card.ReceiveAsync(pause.Token)).Buffer, who))
                {
                }

                return;
            }
            catch (Exception fault) when (fault is OperationCanceledException or SocketException && !late.IsCancellationRequested)
            {
                // Try once more.
            }
        }
    }

    /// <summary>An ARP request (RFC 826): who has this address?</summary>
    private static byte[] Question(byte[] who) =>
        [
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            .. GuestCard,
            0x08,
            0x06,
            0,
            1,
            8,
            0,
            6,
            4,
            0,
            1,
            .. GuestCard,
            .. Guest,
            0,
            0,
            0,
            0,
            0,
            0,
            .. who,
        ];

    private static bool IsAnswer(byte[] frame, byte[] who) =>
        frame.Length >= 42 && frame is [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x06, ..] && frame[21] == 2 && frame.AsSpan(28, 4)
        .SequenceEqual(who);

    /// <summary>The first segment of a TCP connection to the host.</summary>
    private static byte[] Call(int port)
    {
        byte[] tcp = [0x9C, 0x40, (byte)(port >> 8), (byte)port, 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 2, 0xFF, 0xFF, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(16), Sum([.. Guest, .. Host, 0, 6, 0, (byte)tcp.Length, .. tcp]));
        byte[] ip = [0x45, 0, 0, (byte)(20 + tcp.Length), 0, 1, 0, 0, 64, 6, 0, 0, .. Guest, .. Host];
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), Sum(ip));
        return [.. HostCard, .. GuestCard, 0x08, 0x00, .. ip, .. tcp];
    }

    /// <summary>The Internet checksum (RFC 1071) of an even number of bytes.</summary>
    private static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (var i = 0; i < bytes.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        while (sum > 0xFFFF)
            sum = (sum >> 16) + (sum & 0xFFFF);
        return (ushort)~sum;
    }

    private static IPEndPoint FreePort()
    {
        using var free = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)free.Client.LocalEndPoint!;
    }
}
