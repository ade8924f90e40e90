import { type FormEvent, useId, useState } from "react";
import { type DocumentSummary, messageOf, type Workflow } from "../api";
import { runAddress } from "../hooks/useRoute";
import { useSession } from "../session";

interface Props {
  readonly workflow: Workflow;
  readonly documents: readonly DocumentSummary[];
  readonly onStarted: () => void;
}

/** Starts a run of a workflow, on a document where it needs one, and opens it. */
export function StartRun({ workflow, documents, onStarted }: Props) {
  const { api } = useSession();
  const [chosen, setChosen] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const hint = useId();

  const ready = documents.filter((each) => each.status === "completed");
  const documentId = ready.some((each) => each.documentId === chosen)
    ? chosen
    : ready[0]?.documentId;
  const lacksDocument = workflow.needsDocument && documentId === undefined;

  async function start(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const run = await api.startRun(workflow.id, workflow.needsDocument ? documentId : undefined);
      onStarted();
      window.location.hash = runAddress(run.executionId);
    } catch (cause) {
      setError(messageOf(cause));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className="start-run" onSubmit={start}>
      {workflow.needsDocument && !lacksDocument && (
        <label className="field">
          <span>Document</span>
          <select value={documentId} onChange={(event) => setChosen(event.target.value)}>
            {ready.map((each) => (
              <option key={each.documentId} value={each.documentId}>
                {each.documentName}
              </option>
            ))}
          </select>
        </label>
      )}
      <button
        type="submit"
        className="primary"
        disabled={busy || lacksDocument}
        aria-describedby={lacksDocument ? hint : undefined}
        aria-label={`Run ${workflow.name}`}
      >
        {busy ? "Starting…" : "Run"}
      </button>
      {lacksDocument && (
        <p id={hint} className="muted">
          Needs a document: add one under Documents.
        </p>
      )}
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
    </form>
  );
}
