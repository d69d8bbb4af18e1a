using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;
using Dmm.Hypervisors.Wire;

namespace Dmm.Fuzz.Targets;

/// <summary>
/// What a guest writes into its agent's channel: <see cref="LineReader"/>, <see cref="GuestLine"/>, <see cref="SampleBounds"/>; live,
/// through a <see cref="GuestChannel"/>. Nothing is thrown; what is passed on is possible; the next good line is heard.
/// </summary>
internal sealed class AgentTarget : IFuzzTarget
{
    private const int MostText = 65;

    /// <summary>A channel takes its time for more lines than that, as it should.</summary>
    private const int MostLinesLive = 2_000;

    private static readonly MemorySize Limit = MemorySize.FromGiB(64);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static readonly string[] Lines =
    [
        """{"t":"hello","protocol":2,"agent":"0.1.0","kernel":"6.1.0-18-amd64","autoOnline":"online_movable","""
            + """ "onlinePolicy":"auto-movable","autoMovableRatio":301,"memmapOnMemory":"Y","blockKib":131072,"memTotalKib":976000,"""
            + """ "swapTotalKib":0,"virtioMem":true,"psi":true,"lowKib":65536}""",
        """{"t":"hello","protocol":1}""",
        """{"t":"sample","seq":17,"why":"periodic","memTotalKib":976000,"memFreeKib":300000,"memAvailableKib":500000,"anonKib":200000,"""
            + """ "unreclaimableKib":30000,"activeFileKib":100000,"inactiveFileKib":100000,"shmemKib":100,"swapTotalKib":0,"""
            + """ "swapFreeKib":0,"refaults":1234,"majorFaults":77,"swapIns":0,"swapOuts":0,"oomKills":0,"""
            + """ "stallSomeUs":120000,"stallFullUs":1000}""",
        """{"t":"sample","why":"low","memTotalKib":976000,"memFreeKib":3000,"memAvailableKib":5000}""",
        """{"t":"sample","why":"stall","memTotalKib":976000,"memFreeKib":0,"memAvailableKib":0,"refaults":9007199254740993}""",
        """{"t":"later","x":[1,2,{"y":null}]}""",
    ];

    private static readonly byte[][] Samples = [.. Lines.Select(Encoding.UTF8.GetBytes)];

    private static readonly Mutator Mutator = new(
        Samples,
        [
            .. new[]
            {
                "\"t\":\"sample\",", "\"t\":\"hello\",", "\"memTotalKib\":", "\"why\":\"stall\",", "\"protocol\":1,",
                "\"kernel\":\"\\ud800\",",
            }.Select(Encoding.UTF8.GetBytes),
        ]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dmm-fuzz-");
    private readonly SampleBounds _bounds = new(Limit);
    private Live? _live;
    private long _said;

    public int LiveEvery => 64;

    public byte[] Make(SeededRandom random)
    {
        var all = new List<byte>();
        for (var lines = random.OneIn(4) ? random.Between(2, 6) : 1; lines > 0; lines--)
        {
            all.AddRange(Mutator.Mutate(random, random.Of<byte[]>(Samples)));
            all.Add((byte)'\n');
        }

        return [.. all];
    }

    /// <summary>A line that is no JSON costs an exception; how many lines are read in a second is limited.</summary>
    public long MostAllocated(byte[] input) => (64 << 10) + (64L * input.Length) + ((4L << 10) * input.AsSpan().Count((byte)'\n'));

    public async Task<string?> TryAsync(byte[] input, bool live)
    {
        await using var lines = new LineReader(new MemoryStream(input), GuestLine.MaxLength);
        while (await lines.ReadAsync(CancellationToken.None) is { Kind: not WireLineKind.End } line)
        {
            if (line.Kind == WireLineKind.Line && FaultOf(GuestLine.Read(line.Text, Moment.Origin, Limit)) is { } fault)
                return fault;
        }

        return live && input.AsSpan().Count((byte)'\n') <= MostLinesLive ? await ListenAsync(input) : null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_live is not null)
            await _live.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private string? FaultOf(GuestMessage message)
    {
        switch (message)
        {
            case GuestMessage.Hello { Value: var hello } greeting:
                return hello.MemTotal > Limit || greeting.LowMemory > Limit ? $"passed on {hello}"
                    : FirstOdd(hello.AgentVersion, hello.Kernel, hello.AutoOnline, hello.OnlinePolicy, hello.MemmapOnMemory);
            case GuestMessage.Sample { Value: var sample }:
                var bound = _bounds.Bound(sample, TimeSpan.FromSeconds(1));
                return FaultOf(sample) ?? FaultOf(bound);
            case GuestMessage.Unknown unknown:
                return FirstOdd(unknown.Type);
            case GuestMessage.Refused:
                return null;
            default:
                return $"read {message}";
        }
    }

    private static string? FaultOf(GuestSample s) =>
        s.MemTotal > Limit || s.MemFree > s.MemTotal || s.MemAvailable > s.MemTotal || s.Anonymous > s.MemTotal || s.Shmem > s.MemTotal
        || s.SwapTotal > MemorySize.MostThereIs || s.Refaults < 0 || s.StallFullMicroseconds < 0 || s.OomKills < 0
            ? $"passed on {s}"
            : null;

    private static string? FirstOdd(params string?[] texts) =>
        texts.FirstOrDefault(IsOdd) is { } odd ? $"passed on the text '{odd}'" : null;

    private static bool IsOdd(string? text) =>
        text is not null && (text.Length > MostText || text.Any(c => c is not ('…' or (>= ' ' and <= '~'))));

    /// <summary>Sends the input to a channel, and after it a sample that must be heard.</summary>
    private async Task<string?> ListenAsync(byte[] input)
    {
        _live ??= await Live.OpenAsync(Path.Combine(_folder.FullName, "agent"));
        var mark = 1 + (++_said % 900_000);
        var said = string.Create(
            CultureInfo.InvariantCulture, $$"""{"t":"sample","memTotalKib":976000,"memFreeKib":{{mark}},"memAvailableKib":{{mark}}}""");
        return await _live.HearsAsync(
            [.. input, (byte)'\n', .. Encoding.ASCII.GetBytes(said), (byte)'\n'], MemorySize.FromKiB(mark), Patience);
    }

    /// <summary>A channel, on a fast clock, and the guest at its other end.</summary>
    private sealed class Live : IAsyncDisposable
    {
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly GuestChannel _channel;
        private Socket? _guest;
        private MemorySize _heard;
        private int _logged;
        private long _overlaps;
        private int _inside;

        private Live(string path)
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen();
            _channel = new GuestChannel(
                path, Limit, TimeSpan.FromSeconds(5), new FastTime(), Observe, _ => Interlocked.Increment(ref _logged),
                MemorySize.FromMiB(64));
        }

        public static async Task<Live> OpenAsync(string path)
        {
            var live = new Live(path);
            live._channel.Start();
            live._guest = await live._listener.AcceptAsync();
            return live;
        }

        public async Task<string?> HearsAsync(byte[] said, MemorySize mark, TimeSpan patience)
        {
            using var late = new CancellationTokenSource(patience);
            var (sending, buffer) = (SendAsync(said, late.Token), new byte[4096]);
            while (_heard != mark)
            {
                if (late.IsCancellationRequested)
                    return "ended the listening: the next good line was not heard";
                while (_guest!.Available > 0)
                    _guest.Receive(buffer);
                await Task.Delay(1, CancellationToken.None);
            }

            await sending;
            return Interlocked.Read(ref _overlaps) > 0 ? "was told of two things at once"
                : _logged > 4 ? $"filled the log: {_logged} lines"
                : null;
        }

        private async Task SendAsync(byte[] said, CancellationToken late)
        {
            for (var sent = 0; sent < said.Length;)
                sent += await _guest!.SendAsync(said.AsMemory(sent), late);
        }

        public async ValueTask DisposeAsync()
        {
            await _channel.DisposeAsync();
            _guest?.Dispose();
            _listener.Dispose();
        }

        private void Observe(VmObservation observation)
        {
            if (Interlocked.Increment(ref _inside) != 1)
                Interlocked.Increment(ref _overlaps);
            if (observation is VmObservation.Sample { Value.MemFree: var free })
                _heard = free;
            Interlocked.Decrement(ref _inside);
        }
    }
}
