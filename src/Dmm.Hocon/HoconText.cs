using System.Security;
using System.Text;
using Dmm.Files;

namespace Dmm.Hocon;

/// <summary>A parsed HOCON file.</summary>
/// <param name="Name">The file's name in messages.</param>
/// <param name="Root">The outermost section; empty where the file is empty.</param>
public sealed record HoconFile(string Name, HoconSection Root);

/// <summary>
/// The only way to read HOCON. After some mistakes, Akka's own parser silently drops the rest of a file; it accepts unclosed brackets;
/// and a list that refers to itself crashes its process. So it never reads a file directly: Dmm.Settings hands on Akka's part with
/// every text in quotes.
/// </summary>
public static class HoconText
{
    /// <summary>
    /// The size limit of a file. Settings and specs are a few KiB; the limit keeps a wrong file (an image, a log) from being read
    /// whole.
    /// </summary>
    public const int MaxBytes = RegularFile.UsualMost;

    /// <exception cref="SettingsException">One line with file, line, column, what was found and what would be right.</exception>
    public static HoconFile Parse(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new HoconFile(name, HoconReader.Read(text, name));
    }

    /// <summary>Reads a file, with or without a byte order mark.</summary>
    /// <exception cref="SettingsException">It can't be read, is not text, or is outside of the supported part of HOCON.</exception>
    public static HoconFile ParseFile(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            throw new SettingsException("the path of the file is empty, or holds a zero byte");
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(RegularFile.ReadBytes(path, MaxBytes));
            return Parse(text.TrimStart('\uFEFF'), path);
        }
        catch (WrongFileException e)
        {
            throw new SettingsException(Directory.Exists(path) ? $"{path} is a folder; a file is needed" : e.Message);
        }
        catch (DecoderFallbackException)
        {
            throw new SettingsException($"{path} is not UTF-8 text");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SettingsException($"{path} does not exist");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SecurityException or ArgumentException)
        {
            throw new SettingsException($"{path} can't be read: {e.Message}");
        }
    }
}
