import { type UserInputRequired, websocket } from "flowmaestro-websocket";
import { useId, useState } from "react";
import { messageOf } from "../api";

interface Props {
  readonly request: UserInputRequired;
  /** The name of the node that asks. */
  readonly title: string;
}

/** What the demo's approval nodes put into `validation`. */
interface Review {
  /** The text to decide on. */
  readonly text: string;
  /** How long an edited text may be, in bytes of UTF-8. */
  readonly maxBytes: number;
}

/** Asks what the run asks, and sends the answer over the socket. */
export function ApprovalForm({ request, title }: Props) {
  const { executionId, nodeId } = request;
  const review = request.validation as Review;
  const [edited, setEdited] = useState<string>();
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<string>();
  const heading = useId();
  const tooLong = edited !== undefined && bytes(edited) > review.maxBytes;

  async function answer(value: unknown): Promise<void> {
    setSending(true);
    setError(undefined);
    try {
      // The form goes away with the event that tells of the answer.
      await websocket.submitUserInput(executionId, nodeId, value);
    } catch (cause) {
      setError(messageOf(cause));
      setSending(false);
    }
  }

  return (
    <section className="card stack approval" aria-labelledby={heading} data-testid="approval">
      <h2 id={heading}>{title}</h2>
      <p>{request.prompt}</p>
      {edited === undefined ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must the keyboard.
        <section className="review" tabIndex={0} aria-label="Text to decide on">
          {review.text}
        </section>
      ) : (
        <label className="field">
          <span>Your version</span>
          <textarea
            rows={10}
            value={edited}
            disabled={sending}
            onChange={(event) => setEdited(event.target.value)}
          />
        </label>
      )}
      {tooLong && (
        <p className="error" role="alert">
          This is too long: {review.maxBytes.toLocaleString()} bytes are the most.
        </p>
      )}
      {error !== undefined && (
        <p className="error" role="alert">
          The answer was not sent: {error}
        </p>
      )}
      {edited === undefined ? (
        <div className="actions">
          <button
            type="button"
            className="primary"
            disabled={sending}
            onClick={() => answer("approve")}
          >
            Approve
          </button>
          <button type="button" disabled={sending} onClick={() => setEdited(review.text)}>
            Edit
          </button>
          <button
            type="button"
            className="danger"
            disabled={sending}
            onClick={() => answer("reject")}
          >
            Reject
          </button>
        </div>
      ) : (
        <div className="actions">
          <button
            type="button"
            className="primary"
            disabled={sending || tooLong || edited.trim() === ""}
            onClick={() => answer({ decision: "edit", text: edited })}
          >
            Send your version
          </button>
          <button type="button" disabled={sending} onClick={() => setEdited(undefined)}>
            Back
          </button>
        </div>
      )}
      {sending && (
        <p role="status" className="muted small">
          Sending…
        </p>
      )}
    </section>
  );
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
