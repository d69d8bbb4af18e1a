namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Reads the output of a QEMU and keeps the end of it, bounded: warnings come first, the fatal error comes last. Everything is read, so
/// that QEMU never waits for a reader.
/// </summary>
internal sealed class LastWords(int most)
{
    private readonly Lock _gate = new();
    private string _kept = "";

    public string Text
    {
        get
        {
            lock (_gate)
                return _kept;
        }
    }

    /// <summary>Reads until the output ends.</summary>
    public async Task ReadAsync(StreamReader reader, CancellationToken cancellation)
    {
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer, cancellation).ConfigureAwait(false) is var read and > 0)
        {
            lock (_gate)
            {
                _kept += new string(buffer, 0, read);
                if (_kept.Length > most)
                    _kept = _kept[^most..];
            }
        }
    }
}
