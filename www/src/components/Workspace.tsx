import { useConnect } from "../hooks/useConnection";
import { useDocuments } from "../hooks/useDocuments";
import { useRoute } from "../hooks/useRoute";
import { useRuns } from "../hooks/useRuns";
import { useWorkflows } from "../hooks/useWorkflows";
import { useSession } from "../session";
import { DocumentPanel } from "./DocumentPanel";
import { Header } from "./Header";
import { RefusalNotice } from "./RefusalNotice";
import { RunList } from "./RunList";
import { RunPage } from "./RunPage";
import { WorkflowList } from "./WorkflowList";

/** Everything a signed-in user sees. */
export function Workspace() {
  useConnect(useSession().user.token);
  const executionId = useRoute();
  const workflows = useWorkflows();
  const documents = useDocuments();
  const runs = useRuns();

  return (
    <>
      <Header />
      <div className={executionId ? "workspace showing-run" : "workspace"}>
        <main>
          <RefusalNotice />
          {executionId ? (
            <RunPage key={executionId} executionId={executionId} workflows={workflows} />
          ) : (
            <WorkflowList
              workflows={workflows}
              documents={documents.value}
              onStarted={runs.reload}
            />
          )}
        </main>
        <aside className="stack" aria-label="Documents and runs">
          <RunList runs={runs} openId={executionId} />
          <DocumentPanel documents={documents} />
        </aside>
      </div>
    </>
  );
}
