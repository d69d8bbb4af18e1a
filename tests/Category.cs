namespace Dmm;

/// <summary>
/// Part of every test project. <c>[Trait(Category.Name, Category.Long)]</c> marks long tests: only <c>make test</c> runs them, after all
/// others.
/// </summary>
internal static class Category
{
    public const string Name = "Category";

    /// <summary>
    /// Tests that show the same as a quick test, over many more histories, seeds or places; or tests that need seconds by their nature.
    /// </summary>
    public const string Long = "Long";
}
