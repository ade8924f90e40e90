import type { ExecutionEvent } from "flowmaestro-websocket";
import type { RunStatus } from "./run";

export interface SignedIn {
  readonly token: string;
  readonly userId: string;
  readonly name: string;
}

export interface WorkflowNode {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly description: string;
}

export interface Workflow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly needsDocument: boolean;
  readonly nodes: readonly WorkflowNode[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

export interface RunSummary {
  readonly executionId: string;
  readonly workflowId: string;
  readonly workflowName: string;
  readonly status: RunStatus;
  readonly startedAt: number;
}

export interface RunHistory {
  readonly executionId: string;
  readonly workflowId: string;
  readonly status: RunStatus;
  readonly events: readonly ExecutionEvent[];
}

export type DocumentStatus = "processing" | "completed" | "failed";

export interface DocumentSummary {
  readonly documentId: string;
  readonly knowledgeBaseId: string;
  readonly documentName: string;
  readonly status: DocumentStatus;
  readonly chunkCount?: number;
  readonly error?: string;
}

export interface DocumentContent extends DocumentSummary {
  readonly chunks: readonly string[];
}

export interface StartedRun {
  readonly executionId: string;
  readonly workflowId: string;
}

/** A request that brought no result. `status` is the HTTP status, 0 when nothing answered. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function signIn(name: string): Promise<SignedIn> {
  return request("/api/demo/login", { method: "POST", ...json({ name }) });
}

/** The demo backend's HTTP API, as one signed-in user. */
export class Api {
  readonly #token: string;
  readonly #onUnauthorized: () => void;

  /** `onUnauthorized` is called when the server no longer takes the token. */
  constructor(token: string, onUnauthorized: () => void) {
    this.#token = token;
    this.#onUnauthorized = onUnauthorized;
  }

  workflows(signal: AbortSignal): Promise<Workflow[]> {
    return this.#request("workflows", { signal });
  }

  runs(signal: AbortSignal): Promise<RunSummary[]> {
    return this.#request("runs", { signal });
  }

  run(executionId: string, signal: AbortSignal): Promise<RunHistory> {
    return this.#request(`runs/${encodeURIComponent(executionId)}`, { signal });
  }

  startRun(workflowId: string, documentId: string | undefined): Promise<StartedRun> {
    return this.#request("runs", { method: "POST", ...json({ workflowId, documentId }) });
  }

  documents(signal: AbortSignal): Promise<DocumentSummary[]> {
    return this.#request("documents", { signal });
  }

  document(documentId: string, signal: AbortSignal): Promise<DocumentContent> {
    return this.#request(`documents/${encodeURIComponent(documentId)}`, { signal });
  }

  upload(name: string, text: string): Promise<Pick<DocumentSummary, "documentId">> {
    return this.#request(`documents?name=${encodeURIComponent(name)}`, {
      method: "POST",
      headers: { "Content-Type": "text/plain; charset=utf-8" },
      body: text,
    });
  }

  async #request<T>(path: string, init: RequestInit): Promise<T> {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${this.#token}`);
    try {
      return await request(`/api/demo/${path}`, { ...init, headers });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#onUnauthorized();
      throw error;
    }
  }
}

/** What to show for an error of whatever kind. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function json(body: unknown): Pick<RequestInit, "headers" | "body"> {
  return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, init).catch((cause: unknown) => {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(0, "The server cannot be reached. Is it running?");
  });
  if (!response.ok) throw new ApiError(response.status, await failureMessage(response));
  return response.json();
}

async function failureMessage(response: Response): Promise<string> {
  try {
    const body: { error: { message: string } } = await response.json();
    return body.error.message;
  } catch {
    return `The server answered ${response.status}.`; // Not the API's own answer: a proxy's, say.
  }
}
