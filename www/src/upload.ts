const largest = 2 * 1024 * 1024;

/** The text of a document the user chose. Rejects what the server would not take, saying why. */
export async function readDocument(file: File): Promise<string> {
  if (!/\.(txt|md|markdown)$/i.test(file.name) && !file.type.startsWith("text/")) {
    throw new Error("Only text and Markdown documents can be added.");
  }
  if (file.size > largest) throw new Error("This is larger than 2 MiB.");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error("This is not UTF-8 text.");
  }
}
