import { type FormEvent, useState } from "react";
import { messageOf, type SignedIn, signIn } from "../api";
import { Brand } from "./Brand";

interface Props {
  /** Why the user is here again. */
  readonly notice: string | undefined;
  readonly onSignedIn: (user: SignedIn) => void;
}

export function SignIn({ notice, onSignedIn }: Props) {
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      onSignedIn(await signIn(name.trim()));
    } catch (cause) {
      setError(messageOf(cause));
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <form className="card stack" onSubmit={submit} data-testid="sign-in">
        <Brand />
        <h1>Watch workflows run, live</h1>
        <p className="muted">
          Any name will do. Each name has its own documents and runs, and nobody else sees them.
        </p>
        {notice && <p role="status">{notice}</p>}
        <label className="field">
          <span>Your name</span>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={64}
            pattern=".*\S.*"
            title="A name with at least one letter"
            autoComplete="username"
          />
        </label>
        {error && (
          <p className="error" role="alert">
            {error}
          </p>
        )}
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
