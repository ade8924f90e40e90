import type { ReactNode } from "react";
import type { Live } from "../hooks/useLive";

interface Props<T> {
  readonly of: Live<readonly T[]>;
  /** What to say when there is nothing. */
  readonly empty: string;
  readonly children: (items: readonly T[]) => ReactNode;
}

/** A list that is loaded, with what there is to say when it is not there, or empty. */
export function Loaded<T>({ of: { value, error, reload }, empty, children }: Props<T>) {
  return (
    <>
      {error !== undefined && <LoadError message={error} onRetry={reload} />}
      {value === undefined && error === undefined && <p className="muted">Loading…</p>}
      {value && (value.length > 0 ? children(value) : <p className="muted">{empty}</p>)}
    </>
  );
}

interface LoadErrorProps {
  readonly message: string;
  readonly onRetry: () => void;
}

export function LoadError({ message, onRetry }: LoadErrorProps) {
  return (
    <div className="error row" role="alert">
      <span>{message}</span>
      <button type="button" className="link" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
