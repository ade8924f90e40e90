import { type DragEvent, useState } from "react";
import { type DocumentStatus, type DocumentSummary, messageOf } from "../api";
import type { Live } from "../hooks/useLive";
import sample from "../sample.md?raw";
import { useSession } from "../session";
import { readDocument } from "../upload";
import { DocumentItem } from "./DocumentItem";
import { Loaded } from "./Loaded";

/** The user's documents, and three ways to add one: a file picker, drag and drop, a sample. */
export function DocumentPanel({ documents }: { readonly documents: Live<DocumentSummary[]> }) {
  const { api } = useSession();
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<readonly string[]>([]);
  const [dragging, setDragging] = useState(false);

  async function add(name: string, text: () => Promise<string>): Promise<string | undefined> {
    try {
      await api.upload(name, await text());
    } catch (cause) {
      return `${name}: ${messageOf(cause)}`;
    }
  }

  async function addAll(added: Promise<string | undefined>[]): Promise<void> {
    setBusy(true);
    setErrors((await Promise.all(added)).filter((error) => error !== undefined));
    setBusy(false);
    documents.reload();
  }

  const addFiles = (files: Iterable<File>) =>
    addAll([...files].map((file) => add(file.name, () => readDocument(file))));

  function drop(event: DragEvent): void {
    event.preventDefault();
    setDragging(false);
    void addFiles(event.dataTransfer.files);
  }

  return (
    <section className="card stack" aria-labelledby="documents-title">
      <h2 id="documents-title">Documents</h2>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the picker inside does the same. */}
      <div
        className={dragging ? "drop dragging" : "drop"}
        data-testid="drop"
        onDragOver={(event) => {
          event.preventDefault();
          setDragging(true);
        }}
        onDragLeave={() => setDragging(false)}
        onDrop={drop}
      >
        <label className="button">
          {busy ? "Adding…" : "Choose a file"}
          <input
            type="file"
            className="visually-hidden"
            accept=".txt,.md,.markdown,text/plain,text/markdown"
            multiple
            disabled={busy}
            aria-label="Add text or Markdown documents"
            onChange={(event) => {
              void addFiles([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
        </label>
        <p className="muted small">
          or drop text or Markdown here (2 MiB at most), or{" "}
          <button
            type="button"
            className="link"
            disabled={busy}
            onClick={() => addAll([add("lighthouse.md", async () => sample)])}
          >
            add a sample
          </button>
        </p>
      </div>
      {errors.length > 0 && (
        <div className="error" role="alert">
          {errors.map((error) => (
            <p key={error}>{error}</p>
          ))}
        </div>
      )}
      <p className="visually-hidden" role="status">
        {documents.value && summary(documents.value)}
      </p>
      <Loaded of={documents} empty="No documents yet.">
        {(items) => (
          <ul className="list" data-testid="documents">
            {items.map((each) => (
              <DocumentItem key={each.documentId} document={each} />
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

/** What a screen reader says when the state of a document changes. */
function summary(documents: readonly DocumentSummary[]): string {
  const having = (status: DocumentStatus) =>
    documents.filter((each) => each.status === status).length;
  return [
    `${having("completed")} ready`,
    `${having("processing")} processing`,
    `${having("failed")} failed`,
  ].join(", ");
}
