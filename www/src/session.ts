import { createContext, useContext } from "react";
import type { Api, SignedIn } from "./api";

export interface Session {
  readonly user: SignedIn;
  readonly api: Api;
  readonly signOut: () => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession needs a SessionContext around it");
  return session;
}

const key = "flowmaestro-demo-session";

/** Who signed in earlier in this tab, if anyone. */
export function storedUser(): SignedIn | undefined {
  const stored = sessionStorage.getItem(key);
  return stored === null ? undefined : JSON.parse(stored);
}

export function storeUser(user: SignedIn | undefined): void {
  if (user) sessionStorage.setItem(key, JSON.stringify(user));
  else sessionStorage.removeItem(key);
}
