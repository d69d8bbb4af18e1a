using System.Text;

namespace Dmm.Files;

/// <summary>
/// Files that people name or that stand in folders that others may reach: only a regular file is opened, so that a pipe without a writer
/// hangs nobody, and never more is read than could be meant, so that a device without an end fills no memory.
/// </summary>
public static class RegularFile
{
    /// <summary>
    /// Settings, specs and notes of programs are a few KiB; the bound keeps a wrong file (an image, a log) from being read whole.
    /// </summary>
    public const int UsualMost = 1 << 20;

    /// <summary>Opens it for reading.</summary>
    /// <exception cref="IOException">It is no regular file (the message is a whole sentence), or can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static FileStream Open(string path)
    {
        Require(path);
        return File.OpenRead(path);
    }

    /// <exception cref="IOException">It can't be read, is no regular file or is larger than <paramref name="most"/> (bytes); the last two
    /// are whole sentences.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static byte[] ReadBytes(string path, int most = UsualMost)
    {
        using var file = Open(path);
        using var content = new MemoryStream();
        var buffer = new byte[64 << 10];
        int read;
        while ((read = file.Read(buffer)) > 0)
        {
            content.Write(buffer, 0, read);
            if (content.Length > most)
            {
                throw new WrongFileException(
                    $"{path} is larger than {most >> 10} KiB; settings and specs are far smaller, so this is another file");
            }
        }

        return content.ToArray();
    }

    /// <summary>As UTF-8, without its byte order mark; what is no UTF-8 becomes U+FFFD.</summary>
    /// <inheritdoc cref="ReadBytes"/>
    public static string ReadText(string path, int most = UsualMost) => Encoding.UTF8.GetString(ReadBytes(path, most)).TrimStart('\uFEFF');

    /// <summary>
    /// Puts a whole file in the place of the one that stands there, or of none: a reader sees the old or the new. What stands there and is
    /// no regular file stays.
    /// </summary>
    /// <exception cref="IOException">It can't be written, or something else stands there.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write there.</exception>
    public static void Replace(string path, string text)
    {
        if (FileFacts.At(path) is { Kind: not FileKind.Regular } other)
            throw new WrongFileException($"{path} is {other.Name}; a regular file is needed");
        var fresh = $"{path}.{Guid.NewGuid():N}";
        try
        {
            using (var file = new FileStream(fresh, FileMode.CreateNew, FileAccess.Write))
                file.Write(Encoding.UTF8.GetBytes(text));
            File.Move(fresh, path, overwrite: true);
        }
        catch
        {
            File.Delete(fresh);
            throw;
        }
    }

    /// <summary>Says no to what stands there and is no regular file. A file that is not there is not its business.</summary>
    /// <exception cref="WrongFileException">Something else stands there.</exception>
    public static void Require(string path)
    {
        if (FileFacts.Of(path) is { Kind: not FileKind.Regular } other)
            throw new WrongFileException($"{path} is {other.Name}; a regular file is needed");
    }
}

/// <summary>Another thing than was meant stands at a path; the message is a whole sentence that names it.</summary>
public sealed class WrongFileException : IOException
{
    public WrongFileException()
    {
    }

    public WrongFileException(string message)
        : base(message)
    {
    }

    public WrongFileException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
