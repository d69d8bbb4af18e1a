using System.Text;

namespace Dmm.Files;

/// <summary>
/// Access to files that people name, or that are in folders that others may write to. Only a regular file is opened, so that a pipe
/// without a writer blocks nobody. Reading stops at a bound, so that an endless device does not fill the memory.
/// </summary>
public static class RegularFile
{
    /// <summary>
    /// 1 MiB. Settings, specs and notes of programs are a few KiB; the bound keeps a wrong file (an image, a log) from being read
    /// whole.
    /// </summary>
    public const int UsualMost = 1 << 20;

    /// <summary>Opens the file for reading.</summary>
    /// <exception cref="IOException">It is not a regular file (the message is a whole sentence), or can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static FileStream Open(string path)
    {
        Require(path);
        return File.OpenRead(path);
    }

    /// <exception cref="IOException">
    /// The file can't be read, is not a regular file or is larger than <paramref name="most"/> bytes; the messages of the last two are
    /// whole sentences.
    /// </exception>
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

    /// <summary>Reads the file as UTF-8, without its byte order mark. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <inheritdoc cref="ReadBytes"/>
    public static string ReadText(string path, int most = UsualMost) => Encoding.UTF8.GetString(ReadBytes(path, most)).TrimStart('\uFEFF');

    /// <summary>
    /// Replaces the file at the path, or makes it, in one step: a reader sees either the old content or the new. Anything that is not a
    /// regular file is left alone.
    /// </summary>
    /// <exception cref="IOException">The file can't be written, or something else is at the path.</exception>
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

    /// <summary>Throws where something other than a regular file is at the path. A missing file is not an error.</summary>
    /// <exception cref="WrongFileException">Something other than a regular file is there.</exception>
    public static void Require(string path)
    {
        if (FileFacts.Of(path) is { Kind: not FileKind.Regular } other)
            throw new WrongFileException($"{path} is {other.Name}; a regular file is needed");
    }
}

/// <summary>Something other than the expected file is at a path; the message is a whole sentence that names it.</summary>
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
