using Dmm.Commands;
using Dmm.Commands.Output;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>Prints the result of a verb that changes something.</summary>
internal static class Changes
{
    public static void Write(DoneView done, Session session)
    {
        if (session.Json)
        {
            session.Terminal.WriteJson(done);
            return;
        }

        session.Terminal.WriteLine($"{done.Vm}: {done.Text}");
        foreach (var note in done.Notes)
            session.Terminal.Write(Lines.Of("note: ", note, Show.Warning));
    }
}
