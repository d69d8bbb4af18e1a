using System.Security;
using System.Text;
using Dmm.Files;

namespace Dmm.Hocon;

/// <summary>A HOCON file in hand.</summary>
/// <param name="Name">The file as messages name it.</param>
/// <param name="Root">Empty where the file is.</param>
public sealed record HoconFile(string Name, HoconSection Root);

/// <summary>
/// The one door for HOCON. Akka's own parser drops the rest of a file in silence after some mistakes, takes unclosed brackets, and dies
/// with its process of a list that refers to itself; so no file meets it. What is Akka's to have is handed on in quotes (Dmm.Settings).
/// </summary>
public static class HoconText
{
    /// <summary>Settings and specs are a few KiB; the bound keeps a wrong file (an image, a log) from being read whole.</summary>
    public const int MaxBytes = RegularFile.UsualMost;

    /// <exception cref="SettingsException">One line with file, line, column, what was found and what would be right.</exception>
    public static HoconFile Parse(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new HoconFile(name, HoconReader.Read(text, name));
    }

    /// <summary>Reads a file, with or without a byte order mark.</summary>
    /// <exception cref="SettingsException">It can't be read, is no text, or not HOCON as it is taken here.</exception>
    public static HoconFile ParseFile(string path)
    {
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
            throw new SettingsException($"{path} is no text in UTF-8");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SettingsException($"{path} does not exist");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SecurityException or ArgumentException)
        {
            throw new SettingsException($"{(path.Length == 0 ? "''" : path)} can't be read: {e.Message}");
        }
    }
}
