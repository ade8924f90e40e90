import type { DocumentCompleted, DocumentFailed, DocumentProcessing } from "flowmaestro-websocket";
import { useCallback } from "react";
import type { DocumentSummary } from "../api";
import { useSession } from "../session";
import { type Live, useLive } from "./useLive";

const types = ["kb:document:processing", "kb:document:completed", "kb:document:failed"] as const;

/** The user's documents, newest first, with their state of processing. */
export function useDocuments(): Live<DocumentSummary[]> {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.documents(signal), [api]);
  return useLive(load, types, applyEvent);
}

function applyEvent(
  documents: DocumentSummary[],
  event: DocumentProcessing | DocumentCompleted | DocumentFailed,
): DocumentSummary[] {
  const { documentId } = event;
  const known = documents.some((each) => each.documentId === documentId);
  switch (event.type) {
    case "kb:document:processing":
      return known ? documents : [processing(event), ...documents];
    case "kb:document:completed":
      return updated(documents, documentId, { status: "completed", chunkCount: event.chunkCount });
    case "kb:document:failed":
      return updated(documents, documentId, { status: "failed", error: event.error });
  }
}

function processing(event: DocumentProcessing): DocumentSummary {
  const { documentId, knowledgeBaseId, documentName } = event;
  return { documentId, knowledgeBaseId, documentName, status: "processing" };
}

function updated(
  documents: DocumentSummary[],
  documentId: string,
  change: Partial<DocumentSummary>,
): DocumentSummary[] {
  return documents.map((each) => (each.documentId === documentId ? { ...each, ...change } : each));
}
