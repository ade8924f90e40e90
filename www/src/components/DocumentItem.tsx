import { useEffect, useState } from "react";
import { type DocumentSummary, messageOf } from "../api";
import { count } from "../format";
import { useSession } from "../session";
import { StatusChip } from "./StatusChip";

export function DocumentItem({ document }: { readonly document: DocumentSummary }) {
  const { documentId, documentName, status, chunkCount, error } = document;
  const [open, setOpen] = useState(false);
  const chip = (
    <StatusChip
      status={status}
      label={status === "completed" ? count(chunkCount ?? 0, "chunk") : undefined}
    />
  );
  return (
    <li data-document={documentName}>
      {status === "completed" ? (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary className="item">
            <span className="name">{documentName}</span>
            {chip}
          </summary>
          {open && <Chunks documentId={documentId} />}
        </details>
      ) : (
        <div className="item">
          <span className="name">{documentName}</span>
          {chip}
        </div>
      )}
      {status === "failed" && <p className="error small">{error}</p>}
    </li>
  );
}

function Chunks({ documentId }: { readonly documentId: string }) {
  const { api } = useSession();
  const [chunks, setChunks] = useState<readonly string[]>();
  const [error, setError] = useState<string>();

  useEffect(() => {
    const ended = new AbortController();
    api.document(documentId, ended.signal).then(
      (content) => setChunks(content.chunks),
      (cause) => {
        if (!ended.signal.aborted) setError(messageOf(cause));
      },
    );
    return () => ended.abort();
  }, [api, documentId]);

  if (error !== undefined) return <p className="error small">{error}</p>;
  if (!chunks) return <p className="muted small">Loading…</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must the keyboard.
    <section className="chunks" tabIndex={0} aria-label="Chunks">
      <ol>
        {chunks.map((chunk, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the chunks of a document never change.
          <li key={i}>{chunk}</li>
        ))}
      </ol>
    </section>
  );
}
